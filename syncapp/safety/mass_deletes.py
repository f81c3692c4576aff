"""Detects when applications empty a collection, so that a runaway script, or a wrong filter, does not empty the
other side too.

A collection's size is compared with its maximum within a window of time. Short-lived documents (a
queue, carts, sessions) cancel out in any number: inserts offset deletes.

If inserts offset the deletes, the age of the deleted documents is checked (ages.py). Of documents that live
for two windows, half are deleted within one: so only documents count that are older than normal turnover
could explain.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from syncapp.core.values import Side
from syncapp.safety.ages import MOST_KEYS, Ages, Move

GROWTH = 1.1  # the collection is counted again when its loss has grown by this factor
PARTS = 60  # per window: memory per collection does not grow with the number of changes
MOST_PARTS = 4 * PARTS  # when a backlog of one side and current changes of the other alternate
MOST_WINDOWS = 2_000  # before idle ones are dropped
MOST_AGES = 65_536  # keys of all collections together, about
UNEVEN = 2  # factor over the average number of deletes per window that normal turnover may have


@dataclass(frozen=True, slots=True)
class Limit:
    """The limits. All three must be exceeded together."""

    number: int = 100
    share: float = 0.5  # of the collection's maximum within the window
    window_ms: int = 600_000


@dataclass(slots=True)
class Count:
    """The sum of changes: the growth, the maximum in between, and how many of the deletes
    were made by this side's own applications."""

    level: int = 0
    most: int = 0
    deleted: int = 0
    moves: list[tuple[int, Move]] = field(default_factory=list)  # each with its key's hash, in their order


@dataclass(frozen=True, slots=True)
class Loss:
    """Numbers of lost and remaining documents. `new`: others inserted within the window."""

    lost: int
    left: int
    new: int = 0


Counts = Mapping[tuple[str, int], Count]  # (collection, part of time) → its changes
Suspects = dict[tuple[str, str], tuple[int, int]]  # (collection, reason) → numbers of lost and new documents


@dataclass(slots=True)
class _Part:
    """Both sides' changes, in the order of reading: a document that is deleted there was transferred there
    from here, so its insert was read first."""

    number: int
    level: int = 0
    most: int = 0
    deleted: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))

    def add(self, side: Side, count: Count) -> None:
        self.most = max(self.most, self.level + count.most)
        self.level += count.level
        self.deleted[side] += count.deleted

    def take_back(self, side: Side, count: Count) -> None:
        self.level -= count.level
        self.deleted[side] -= count.deleted


class _Window:
    """For one collection."""

    def __init__(self) -> None:
        self.parts: deque[_Part] = deque()
        self.newest: dict[Side, int] = {}
        self.counted_at = 0  # the loss at the last count of the collection
        self.aged_at = 0  # the same for older documents

    def part_of(self, side: Side, number: int) -> _Part:
        """The part that counts these changes. Parts outside the window are dropped."""
        if number < self.newest.get(side, number) - PARTS:
            self.parts.clear()  # a clock was set back
        self.newest[side] = number
        while self.parts and self.parts[0].number < number - PARTS:
            self.parts.popleft()
        # Two servers' times may differ a little
        if not self.parts or not 0 <= self.parts[-1].number - number <= 1:
            self.parts.append(_Part(number))
        if len(self.parts) > MOST_PARTS:
            self._join_oldest()
        return self.parts[-1]

    def _join_oldest(self) -> None:
        first, second = self.parts.popleft(), self.parts[0]
        second.most = max(first.most, first.level + second.most)
        second.level += first.level
        for side in Side:
            second.deleted[side] += first.deleted[side]

    def loss(self, side: Side, number: int) -> int:
        """The loss since the maximum; 0 unless this side's applications deleted more than `number`
        since then."""
        fewer = lost = deleted = to_blame = 0
        for part in reversed(self.parts):
            deleted += part.deleted[side]
            fewer -= part.level  # than when the part began
            if fewer + part.most > lost:
                lost, to_blame = fewer + part.most, deleted
        return lost if to_blame > number else 0


class MassDeletes:
    """Times are those of the changes: a backlog of a week, read in a minute, is a week of deletes. Both streams'
    threads call it."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self.part_ms = max(1, limit.window_ms // PARTS)
        self._lock = threading.Lock()
        self._windows: defaultdict[str, _Window] = defaultdict(_Window)
        self._young = math.ceil(UNEVEN * PARTS / max(limit.share, 0.01))
        self._ages: dict[str, Ages] = {}
        self._began: dict[Side, int] = {}  # each stream, as far as this process has read it
        self._allowed_until: dict[tuple[Side, str], int] = {}

    def add(
        self, side: Side, counts: Counts, act: Callable[[str, int, int], bool], halted: Container[str] = ()
    ) -> None:
        """Changes of a side's stream; parts are times divided by `part_ms`, in order.

        `act(collection, lost, new)` is called for each that may have lost too much, though so many are new. True: it
        was halted, and counting restarts. If it raises, nothing was counted: all of it is delivered again.
        `halted`: collections whose deletes cause no halt now.
        """
        taken: list[tuple[_Part, Count]] = []
        suspects: Suspects = {}
        with self._lock:
            for (collection, part), count in counts.items():
                allowed = self._allowed_until.get((side, collection), 0) > part * self.part_ms
                ordinary = allowed or collection in halted
                ages = self._follow(side, collection, part, count, not ordinary)
                if ordinary:
                    continue
                window = self._windows[collection]
                taken.append((held := window.part_of(side, part), count))
                held.add(side, count)
                if count.deleted:
                    self._suspect(side, collection, window, suspects)
                    self._suspect_older(side, collection, window, ages, part, suspects)
            self._drop_idle()
        try:
            stopped = {name for (name, _), (lost, new) in suspects.items() if act(name, lost, new)}
        except Exception:
            with self._lock:
                for held, count in taken:
                    held.take_back(side, count)
                for collection, _ in suspects:
                    self._windows[collection].counted_at = self._windows[collection].aged_at = 0
            raise
        for collection in stopped:
            self.forget(collection)

    def mask(self, collection: str) -> int:
        """Only moves whose hashes have none of these bits have to be added."""
        ages = self._ages.get(collection)
        return ages.mask if ages else 0

    def exceeds(self, loss: Loss) -> bool:
        return loss.lost > self._limit.share * (loss.lost + max(0, loss.left - loss.new))

    def forget(self, collection: str) -> None:
        """Restart counting."""
        with self._lock:
            self._windows.pop(collection, None)
            if collection in self._ages:
                self._ages[collection].forgive()

    def allow(self, side: Side, collection: str, now_ms: int) -> None:
        """An operator has confirmed the deletes: none of the next window is counted."""
        self.forget(collection)
        self._allowed_until[side, collection] = now_ms + self._limit.window_ms

    def _follow(self, side: Side, collection: str, part: int, count: Count, counts: bool) -> Ages:
        began = max(self._began.setdefault(side, part), *self._began.values())
        ages = self._ages.get(collection)
        if ages is None:
            ages = self._ages[collection] = Ages(self._young, PARTS, began)
        ages.follow(side, count.moves, part, counts, max(64, min(MOST_KEYS, MOST_AGES // len(self._ages))))
        return ages

    def _suspect(self, side: Side, collection: str, window: _Window, suspects: Suspects) -> None:
        lost = window.loss(side, self._limit.number)
        window.counted_at = min(window.counted_at, lost)
        if lost > max(self._limit.number, window.counted_at * GROWTH):
            window.counted_at = lost
            suspects[collection, "fewer"] = (lost, 0)

    def _suspect_older(
        self, side: Side, collection: str, window: _Window, ages: Ages, part: int, suspects: Suspects
    ) -> None:
        lost = ages.gone(side, part, self._limit.number)
        window.aged_at = min(window.aged_at, lost)
        if lost > window.aged_at * GROWTH:
            window.aged_at = lost
            suspects[collection, "older"] = (lost, ages.came(part))

    def _drop_idle(self) -> None:
        if len(self._windows) <= MOST_WINDOWS:
            return
        by_age = sorted(self._windows, key=lambda name: max(self._windows[name].newest.values(), default=0))
        for name in by_age[: MOST_WINDOWS // 2]:
            del self._windows[name]
        # Events of these that are read again may be of earlier documents
        self._ages = {name: ages for name, ages in self._ages.items() if name in self._windows}
        for side in self._began:
            self._began[side] = max(window.newest.get(side, 0) for window in self._windows.values())
