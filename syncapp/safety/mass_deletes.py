"""Notices when applications empty a collection, so that a script gone wild, or a wrong filter, does not empty the
other side too.

What a collection held when a window of time began is compared with what it holds at its end. Documents that come and go
meanwhile (a queue, carts, sessions) cancel out, however many they are: nothing is missing of what was there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from syncapp.engine.values import Side

GROWTH = 1.1  # the collection is counted again when it has lost so many more
PARTS = 60  # of a window: what is kept of each collection does not grow with the number of changes
MOST_WINDOWS = 2_000  # before those in which nothing happens any more are dropped


@dataclass(frozen=True, slots=True)
class Limit:
    """What may go. All three must be exceeded together."""

    number: int = 100
    share: float = 0.5  # of the documents that the collection had when the window began
    window_ms: int = 600_000


@dataclass(slots=True)
class Count:
    """What changes of one collection came to. `deleted`: by this side's own applications; `gone`: by anybody's."""

    came: int = 0
    gone: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """So many fewer than when the window began, and so many are left."""

    lost: int
    left: int


Counts = Mapping[tuple[str, int], Count]  # (collection, part of time) → what happened in it


class _Window:
    """One side's changes of one collection. `parts`: in the order of time."""

    def __init__(self) -> None:
        self.parts: dict[int, Count] = {}
        self.newest = 0
        self.counted_at = 0  # the loss when the collection was counted last

    def add(self, part: int, count: Count, sign: int = 1) -> int:
        """Returns the part that it counts to: time does not go back, unless a clock was set back."""
        if part < self.newest - PARTS:
            self.parts.clear()
            self.newest = part
        self.newest = part = max(part, self.newest)
        held = self.parts.setdefault(part, Count())
        held.came += sign * count.came
        held.gone += sign * count.gone
        held.deleted += sign * count.deleted
        while (oldest := next(iter(self.parts))) < part - PARTS:
            del self.parts[oldest]
        return part

    def sums(self, end: int) -> Count:
        """Of the window that ends with this part. Two servers' times may differ by one part."""
        parts = list(self.parts.items())  # of a copy: the other stream's thread may add to it
        held = [count for part, count in parts if end - PARTS <= part <= end + 1]
        return Count(
            sum(one.came for one in held), sum(one.gone for one in held), sum(one.deleted for one in held)
        )


class MassDeletes:
    """Times are those of the changes: a backlog of a week, read in a minute, is a week of deletes."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self.part_ms = max(1, limit.window_ms // PARTS)
        self._windows: defaultdict[tuple[Side, str], _Window] = defaultdict(_Window)
        self._allowed_until: dict[tuple[Side, str], int] = {}

    def add(self, side: Side, counts: Counts, left: Callable[[str], int]) -> dict[str, Loss]:
        """What a side's stream brought; parts are times divided by `part_ms`. `left(collection)`: how many documents
        it holds now. Returns the collections that exceed the limit. If `left` raises, nothing was counted."""
        exceeded: dict[str, Loss] = {}
        taken: dict[tuple[str, int], Count] = {}
        try:
            for (collection, part), count in sorted(counts.items()):
                if self._allowed_until.get((side, collection), 0) > part * self.part_ms:
                    continue
                end = self._windows[side, collection].add(part, count)
                taken[collection, part] = count
                if count.deleted and collection not in exceeded:
                    loss = self._judge(side, collection, end, left)
                    if loss is not None:
                        exceeded[collection] = loss
        except Exception:
            self.take_back(side, taken)
            raise
        self._drop_idle()
        return exceeded

    def take_back(self, side: Side, counts: Counts) -> None:
        """These could not be acted on: they are read again, and must not count twice."""
        for (collection, part), count in counts.items():
            window = self._windows[side, collection]
            window.add(part, count, -1)
            window.counted_at = 0

    def forget(self, collection: str) -> None:
        """It is halted: what is counted later starts anew."""
        for side in Side:
            self._windows.pop((side, collection), None)

    def allow(self, side: Side, collection: str, now_ms: int) -> None:
        """An operator has said that the deletes are meant: none of the next window is counted."""
        self.forget(collection)
        self._allowed_until[side, collection] = now_ms + self._limit.window_ms

    def _judge(self, side: Side, collection: str, end: int, left: Callable[[str], int]) -> Loss | None:
        """A document that came on one side was carried to the other, and may be taken there: both sides count, but
        for the deletes, which only this side's applications answer for."""
        window = self._windows[side, collection]
        here = window.sums(end)
        other = self._windows.get((side.other, collection))
        there = other.sums(end) if other else Count()
        lost = here.gone + there.gone - here.came - there.came
        window.counted_at = max(0, min(window.counted_at, lost))
        if here.deleted <= self._limit.number or lost <= max(self._limit.number, window.counted_at * GROWTH):
            return None
        loss = Loss(lost, left(collection))
        window.counted_at = lost
        return loss if lost > self._limit.share * (lost + loss.left) else None

    def _drop_idle(self) -> None:
        if len(self._windows) <= MOST_WINDOWS:
            return
        held = list(self._windows.items())  # of a copy, as above
        by_age = sorted(held, key=lambda one: one[1].newest)
        now = by_age[-1][1].newest
        idle = [name for name, window in by_age if window.newest < now - PARTS]
        for name in idle or [name for name, _ in by_age[: MOST_WINDOWS // 2]]:
            self._windows.pop(name, None)
