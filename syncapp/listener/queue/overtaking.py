"""What was read past a backlog (`listener/streams/express.py`): how far of which collection, and what of it must not go out before the
stream itself has come there."""

from __future__ import annotations

from collections.abc import Sequence

from syncapp.core.changes import JUDGED, Change, ChangeBatch, Found, Structural
from syncapp.core.values import BOTH, Side
from syncapp.listener.queue.ready_keys import ReadyKeys


class Overtaking:
    def __init__(self, ready: ReadyKeys) -> None:
        self._ready = ready
        # Collection → everything of it up to this position was taken in, from where the stream was on
        self._taken: dict[Side, dict[str, int]] = {side: {} for side in BOTH}
        self._barred: list[tuple[Side, int, frozenset[str]]] = []
        # What their readers still bring is left alone: a drop would bar its collections until the side is read again
        self._unread: set[Side] = set()

    def ahead(self, side: Side, batch: ChangeBatch, read_to: int) -> ChangeBatch:
        """Of what was read past a backlog: what concerns collections that go first, and was taken in neither so nor by the
        stream itself, which has been read up to `read_to`. Nothing if that is not read."""
        if side in self._unread:
            return batch._replace(changes=[])
        return batch._replace(changes=[one for one in batch.changes if self._is_ahead(side, one, read_to)])

    def _is_ahead(self, side: Side, change: Found, read_to: int) -> bool:
        if isinstance(change, Change):
            name = change.key.collection
            known_to = max(read_to, self._taken[side].get(name, 0))
            return self._ready.goes_first(name) and (change.fact is None or change.fact.position > known_to)
        if isinstance(change, Structural) and change.operation in JUDGED and change.fact:
            return change.fact.position > read_to and any(map(self._ready.goes_first, change.collections))
        return False

    def take_in(self, side: Side, batch: ChangeBatch) -> None:
        """What was ahead is taken in. After a drop or a rename nothing of its collections goes out until the stream itself
        brings it, to be judged."""
        taken = self._taken[side]
        for change in batch.changes:
            if isinstance(change, Change):
                taken.setdefault(change.key.collection, 0)
            elif isinstance(change, Structural) and change.fact:
                self._bar([*self._barred, (side, change.fact.position, change.collections)])
        for name in filter(self._ready.goes_first, taken):
            taken[name] = max(taken[name], batch.read_to)

    def unknown(self, side: Side, changes: Sequence[Found]) -> Sequence[Found]:
        """Of what the stream itself brings: all but the changes that were taken in before."""
        taken = self._taken[side]
        if not taken:
            return changes
        return [change for change in changes if not _is_of(taken, change)]

    def passed(self, side: Side, position: int) -> None:
        """The stream itself has been read up to here."""
        self._unread.discard(side)
        taken = self._taken[side]
        if taken and max(taken.values()) <= position:
            taken.clear()
        if self._barred:
            self._bar([one for one in self._barred if one[0] is not side or one[1] > position])

    def forget(self, side: Side) -> None:
        """The stream is not read any more."""
        self._unread.add(side)
        self._taken[side].clear()
        self._bar([one for one in self._barred if one[0] is not side])

    def _bar(self, barred: list[tuple[Side, int, frozenset[str]]]) -> None:
        self._barred = barred
        self._ready.barred = frozenset().union(*(collections for _, _, collections in barred))


def _is_of(taken: dict[str, int], change: Found) -> bool:
    if not isinstance(change, Change) or change.fact is None:
        return False
    return change.fact.position <= taken.get(change.key.collection, 0)
