"""Which documents of a collection came lately, and which of those that have gone were older: by the events that bring and
take them, since neither a document nor what sync keeps of it says when it was made.

Where there are many only a share of them is followed, chosen by their hashes, and stands for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from syncapp.core.values import Side

MOST_KEYS = 4_096  # that are followed in a collection; twice as many are thinned out


class Move(IntEnum):
    CAME = 1
    TAKEN = 2  # by an application of the side that brings the event
    TAKEN_ELSEWHERE = 3  # by another device's


class Ages:
    """One collection's. Times are parts of the breaker's window, which has `window` of them; a document is young for
    `young` parts. `since`: from when on every event was read."""

    def __init__(self, young: int, window: int, since: int) -> None:
        self._young, self._window = young, window
        self._begin(since)

    def _begin(self, since: int) -> None:
        self.mask = 0  # hashes with none of these bits are followed
        self._since = self._part = since
        self._new: dict[int, int] = {}  # hash → when it came
        self._passed: dict[int, int] = {}  # came and went; hash → when it came
        self._gone: dict[Side, dict[int, int]] = {
            side: {} for side in Side
        }  # older ones; hash → when it went

    def follow(
        self, side: Side, moves: Iterable[tuple[int, Move]], part: int, counts: bool, most: int = MOST_KEYS
    ) -> None:
        """Doing it again changes nothing. `counts`: False: what goes now is nothing to ask about."""
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
                return  # it is back, and as old as it was
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
        """What has gone so far is nothing to ask about any more."""
        for gone in self._gone.values():
            gone.clear()

    def gone(self, side: Side, part: int, number: int) -> int:
        """How many of the older ones an application of this side took within the window that ends now: 0 if no more than
        `number` are followed, or if it is not known yet which were older."""
        gone = self._gone[side]
        if len(gone) <= number or part - self._young < self._since:
            return 0
        found = sum(at > part - self._window for at in gone.values())
        return found * (self.mask + 1) if found > number else 0

    def came(self, part: int) -> int:
        """How many came within the window that ends now, and are there still."""
        return sum(at > part - self._window for at in self._new.values()) * (self.mask + 1)

    def _size(self) -> int:
        return len(self._new) + len(self._passed) + sum(map(len, self._gone.values()))

    def _thin_out(self, part: int, most: int) -> None:
        """Forget what is out of date. If there is still much, follow half of it; if little is left of what was thinned
        out, follow all that comes from now on."""
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
