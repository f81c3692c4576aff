"""Drops and renames that were read and are still to be judged, in their order.

A worker that read a document before a drop may write it to the other side after. So nothing more of the collection is
handed out until what is in flight has ended; only then the other side is looked at. Until that look has ended the
event counts as unfinished, so that the watermark does not pass it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from syncapp.core.changes import Structural
from syncapp.core.values import Side


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    side: Side
    change: Structural
    held: int  # the number of the fetched batch that waits for it


class StructuralQueue:
    def __init__(self) -> None:
        self._pending: list[Pending] = []

    def __bool__(self) -> bool:
        return bool(self._pending)

    def add(self, pending: Pending) -> None:
        self._pending.append(pending)

    @property
    def collections(self) -> frozenset[str]:
        """Of these nothing may be handed out."""
        return frozenset().union(*(one.change.collections for one in self._pending))

    def next(self, at_rest: Callable[[Collection[str]], bool]) -> Pending | None:
        """The first whose collections are at rest; what concerns a whole database comes after all before it."""
        for place, one in enumerate(self._pending):
            names = one.change.collections
            if at_rest(names) if names else place == 0:
                return one
        return None

    def remove(self, pending: Pending) -> bool:
        """False: it was forgotten meanwhile."""
        before = len(self._pending)
        self._pending = [one for one in self._pending if one is not pending]
        return len(self._pending) < before

    def forget(self, side: Side) -> None:
        """What this side's stream brought is read again later."""
        self._pending = [one for one in self._pending if one.side is not side]
