"""Counts an application's deletes, so that a script gone wild, or a wrong filter, does not empty the other
side too: more than a number, and more than a share of the collection, within a window of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from syncapp.engine.values import Side

GROWTH = 1.1  # the collection is counted again when so many more deletes have come


@dataclass(frozen=True, slots=True)
class Limit:
    """Deletes that are still ordinary. All three must be exceeded together."""

    number: int = 100
    share: float = 0.5  # of the documents that the collection had
    window_ms: int = 600_000


@dataclass(slots=True)
class _Window:
    seconds: deque[tuple[int, int]] = field(default_factory=deque)  # (second, deletes in it)
    total: int = 0
    counted_at: int = 0  # the total when the collection was counted last

    def add(self, at_ms: int, number: int, window_ms: int) -> None:
        if self.seconds and self.seconds[-1][0] == at_ms // 1000:
            _, before = self.seconds.pop()
            self.total -= before
            number += before
        self.seconds.append((at_ms // 1000, number))
        self.total += number
        while self.seconds[0][0] * 1000 < at_ms - window_ms:
            self.total -= self.seconds.popleft()[1]


class MassDeletes:
    """Times are those of the changes: a backlog of a week, read in a minute, is a week of deletes."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._windows: dict[tuple[Side, str], _Window] = {}
        self._allowed_until: dict[tuple[Side, str], int] = {}

    def add(
        self, side: Side, deletes: Mapping[str, tuple[int, int]], left: Callable[[str], int]
    ) -> dict[str, int]:
        """`deletes`: collection → (how many, the newest one's time in ms). `left(collection)`: how many
        documents it holds now. Returns the collections that exceed the limit, with their deletes."""
        exceeded = {}
        for collection, (number, at_ms) in deletes.items():
            if self._allowed_until.get((side, collection), 0) > at_ms:
                continue
            window = self._windows.setdefault((side, collection), _Window())
            window.add(at_ms, number, self._limit.window_ms)
            window.counted_at = min(window.counted_at, window.total)
            if window.total <= max(self._limit.number, window.counted_at * GROWTH):
                continue
            window.counted_at = window.total
            if window.total > self._limit.share * (window.total + left(collection)):
                exceeded[collection] = window.total
        return exceeded

    def forget(self, side: Side, collections: Iterable[str]) -> None:
        """What was counted of these could not be judged."""
        for collection in collections:
            self._windows.pop((side, collection), None)

    def allow(self, side: Side, collection: str, now_ms: int) -> None:
        """An operator has said that the deletes are meant: none of the next window is counted."""
        self._windows.pop((side, collection), None)
        self._allowed_until[side, collection] = now_ms + self._limit.window_ms
