"""Keys that are not to go out yet: until the streams have been read past a position, or until a moment has come."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from syncapp.core.values import BOTH, DocumentKey, Side
from syncapp.listener.queue.work import Work

Waiting = tuple[DocumentKey, Work]


class WaitingKeys:
    """What it gives back may have been dropped, or have become another one's, meanwhile: the caller looks."""

    def __init__(self) -> None:
        self.read_to: dict[Side, int] = dict.fromkeys(BOTH, 0)  # everything up to here was read
        self.count = 0  # of those that wait for a stream
        self._positions: dict[Side, list[tuple[int, int, DocumentKey, Work]]] = {side: [] for side in BOTH}
        self._moments: list[tuple[float, int, DocumentKey, Work]] = []
        self._order = itertools.count()
        self._unread: set[Side] = set()  # nobody waits for these

    def waits(self, key: DocumentKey, work: Work) -> bool:
        """Does it wait for a stream, by what was seen of it? Then it is kept until `passed`."""
        positions = ((side, work.seen.read_at[side]) for side in work.seen.waits_for) if work.seen else ()
        for side, position in positions:
            if position > self.read_to[side] and side not in self._unread:
                self.count += not work.waiting
                work.waiting = True
                heapq.heappush(self._positions[side], (position, next(self._order), key, work))
                return True
        self.drop(work)
        return False

    def drop(self, work: Work) -> None:
        """It does not wait for a stream any more."""
        self.count -= work.waiting
        work.waiting = False

    def passed(self, side: Side, position: int) -> Iterator[Waiting]:
        """A stream has been read up to and including this position: who waited for it."""
        self._unread.discard(side)
        if position <= self.read_to[side]:
            return
        self.read_to[side] = position
        heap = self._positions[side]
        while heap and heap[0][0] <= position:
            _, _, key, work = heapq.heappop(heap)
            if work.waiting:
                yield key, work

    def forget(self, side: Side) -> None:
        """A stream is not read any more: who waited for it has to be looked at again, and until it is read nobody waits."""
        self._unread.add(side)
        self._positions[side].clear()

    def keep_until(self, moment: float, key: DocumentKey, work: Work) -> None:
        heapq.heappush(self._moments, (moment, next(self._order), key, work))

    def moment_of(self, work: Work) -> float | None:
        """The moment that this one is kept until. It looks at all that are: for a person's question."""
        return max((moment for moment, _, _, one in self._moments if one is work), default=None)

    def wanted(self, work: Work) -> dict[Side, int]:
        """The positions that it waits for."""
        positions = {side: work.seen.read_at[side] for side in work.seen.waits_for} if work.seen else {}
        return {side: position for side, position in positions.items() if position > self.read_to[side]}

    def due(self, now: float) -> Iterator[Waiting]:
        """The keys that are due."""
        while self._moments and self._moments[0][0] <= now:
            _, _, key, work = heapq.heappop(self._moments)
            yield key, work
