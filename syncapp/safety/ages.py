"""Tracks a collection's recent inserts, and which deleted documents were older: from the events, since neither
a document nor sync's state of it has its time of creation.

Of many only a sample is tracked, chosen by their hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from syncapp.core.values import Side

MOST_KEYS = 4_096  # tracked per collection; twice as many are thinned out


class Move(IntEnum):
    CAME = 1
    TAKEN = 2  # by an application of the event's side
    TAKEN_ELSEWHERE = 3  # by another device's application


class Ages:
    """For one collection. Times are parts of the breaker's window, which has `window` of them; a document is young for
    `young` parts. `since`: the time from which on every event was read."""

    def __init__(self, young: int, window: int, since: int) -> None:
        self._young, self._window = young, window
        self._begin(since)

    def _begin(self, since: int) -> None:
        self.mask = 0  # hashes with none of these bits are tracked
        self._since = self._part = since
        self._new: dict[int, int] = {}  # hash → time of the insert
        self._passed: dict[int, int] = {}  # inserted and deleted; hash → time of the insert
        self._gone: dict[Side, dict[int, int]] = {
            side: {} for side in Side
        }  # older ones; hash → time of the delete

    def follow(
        self, side: Side, moves: Iterable[tuple[int, Move]], part: int, counts: bool, most: int = MOST_KEYS
    ) -> None:
        """Idempotent. `counts`: False: current deletes cause no halt."""
        for one, move in moves:
            if one & self.mask:
                continue
            if move is Move.CAME:
                self._come(one, part)
            else:
                self._go(one, part, side if counts and move is Move.TAKEN else None)
        if self._size() > most or (self.mask and part != self._part):
            self._thin_out(part, most)
        self._part = part

    def _come(self, one: int, part: int) -> None:
        for gone in self._gone.values():
            if gone.pop(one, None) is not None:
                return  # it was inserted again: its age is unchanged
        self._passed.pop(one, None)
        self._new[one] = part

    def _go(self, one: int, part: int, side: Side | None) -> None:
        came = self._new.pop(one, None)
        if came is None:
            came = self._passed.get(one)
        if came is not None and part - came < self._young:
            self._passed[one] = came
        elif side is not None:
            self._gone[side][one] = part

    def forgive(self) -> None:
        """Deletes so far cause no halt any more."""
        for gone in self._gone.values():
            gone.clear()

    def gone(self, side: Side, part: int, number: int) -> int:
        """How many of the older ones an application of this side deleted within the current window: 0 if no more than
        `number` are tracked, or if their age is not known yet."""
        gone = self._gone[side]
        if len(gone) <= number or part - self._young < self._since:
            return 0
        found = sum(at > part - self._window for at in gone.values())
        return found * (self.mask + 1) if found > number else 0

    def came(self, part: int) -> int:
        """How many were inserted within the current window and still exist."""
        return sum(at > part - self._window for at in self._new.values()) * (self.mask + 1)

    def _size(self) -> int:
        return len(self._new) + len(self._passed) + sum(map(len, self._gone.values()))

    def _thin_out(self, part: int, most: int) -> None:
        """Drop outdated entries. If there are still many, track half of them; if few are left after thinning
        out, track all from now on."""
        self._filter(part)
        while self._size() > most // 2:
            self.mask = self.mask << 1 | 1
            self._filter(part)
        if self.mask and self._size() < most // 16:
            self._begin(part)

    def _filter(self, part: int) -> None:
        self._new = self._later(self._new, part - self._young)
        self._passed = self._later(self._passed, part - self._young)
        self._gone = {side: self._later(gone, part - self._window) for side, gone in self._gone.items()}

    def _later(self, times: Mapping[int, int], part: int) -> dict[int, int]:
        return {one: at for one, at in times.items() if at > part and not one & self.mask}
