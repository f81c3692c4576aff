"""Drops and renames that were read and are still to be judged, in order.

A worker that read a document before a drop may write it to the other side afterwards. So nothing more of the collection
is dispatched until its keys in flight are done; only then the other side is checked. Until that check has ended the
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
    held: int  # the number of the fetched batch that it holds back


class StructuralQueue:
    def __init__(self) -> None:
        self._pending: list[Pending] = []

    def __bool__(self) -> bool:
        return bool(self._pending)

    def add(self, pending: Pending) -> None:
        self._pending.append(pending)

    @property
    def collections(self) -> frozenset[str]:
        """Nothing of these may be dispatched."""
        return frozenset().union(*(one.change.collections for one in self._pending))

    def next(self, at_rest: Callable[[Collection[str]], bool]) -> Pending | None:
        """The first one whose collections have nothing in flight; one of a whole database comes after all before it."""
        for place, one in enumerate(self._pending):
            names = one.change.collections
            if at_rest(names) if names else place == 0:
                return one
        return None

    def remove(self, pending: Pending) -> bool:
        """False: it was dropped meanwhile."""
        before = len(self._pending)
        self._pending = [one for one in self._pending if one is not pending]
        return len(self._pending) < before

    def forget(self, side: Side) -> None:
        """The events of this side's stream are read again later."""
        self._pending = [one for one in self._pending if one.side is not side]
