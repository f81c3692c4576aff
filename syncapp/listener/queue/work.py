"""What is known of one dirty key, and of one task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from syncapp.core.values import DocumentKey, Fact, Seen, Side, WorkItem


@dataclass(slots=True)
class Brought:
    """What one side's stream delivered for a key."""

    held: int  # the oldest fetched batch that it holds back; 0: none
    fact: Fact | None  # the last change

    def changed(self, fact: Fact | None) -> None:
        """What is read past a backlog is newer than what the stream brings after it."""
        if fact is not None and (self.fact is None or fact.position >= self.fact.position):
            self.fact = fact

    def join(self, newer: Brought) -> int:
        """Both are of the same key. Returns the batch that need not be held back any more: the older one holds more."""
        self.changed(newer.fact)
        if self.held:
            return newer.held
        self.held = newer.held
        return 0


@dataclass(slots=True)
class Losses:
    """Lost worker processes that had a key in work."""

    times: int = 0
    alone: int = 0  # of these: the key was alone in its batch, and others succeeded since the one before
    mark: int = -1  # how many others had succeeded at the last of them

    def count(self, alone: bool, mark: int) -> None:
        self.times += 1
        if alone and mark > self.mark:
            self.alone += 1
            self.mark = mark


@dataclass(slots=True, eq=False)
class Work:
    """A dirty key: the last change of each side in the order of its stream (not the one with the
    greatest time: the content is the last one's), what it holds back, and what it waits for.

    There may be tens of thousands of them: no dictionary in any.
    """

    side: Side  # whose stream delivered it
    local: Brought | None = None
    atlas: Brought | None = None
    seen: Seen | None = None
    ready: bool = False
    waiting: bool = False
    parked: bool = False  # a pull that is not allowed now
    gather: bool = False  # to be dispatched with all ready keys of its collection
    attempts: int = 0
    lost: Losses | None = None

    @property
    def tries(self) -> int:
        """Failed batches with this key: the next one is smaller."""
        return self.attempts + (self.lost.times if self.lost else 0)

    def of(self, side: Side) -> Brought | None:
        return self.local if side is Side.LOCAL else self.atlas

    def put(self, side: Side, brought: Brought | None) -> None:
        if side is Side.LOCAL:
            self.local = brought
        else:
            self.atlas = brought

    @property
    def facts(self) -> dict[Side, Fact]:
        found = {}
        if self.local is not None and self.local.fact is not None:
            found[Side.LOCAL] = self.local.fact
        if self.atlas is not None and self.atlas.fact is not None:
            found[Side.ATLAS] = self.atlas.fact
        return found

    def item(self, key: DocumentKey) -> WorkItem:
        """As it is handed out."""
        return WorkItem(key, self.facts, self.seen, self.attempts, self.lost.alone if self.lost else 0)

    def count_loss(self, alone: bool, mark: int) -> None:
        self.lost = self.lost or Losses()
        self.lost.count(alone, mark)


class Taken(NamedTuple):
    """Keys for one task. `gathered`: all that was ready in the collection."""

    side: Side
    collection: str
    items: list[WorkItem]
    gathered: bool


@dataclass(slots=True)
class Task:
    """Keys in a Celery task."""

    collection: str
    keys: dict[DocumentKey, Work]
    alive_at: float
    gathered: bool = False  # all that was ready in the collection
    alone: bool = False  # it began with one key


def oldest_time(works: Iterable[tuple[DocumentKey, Work]], side: Side) -> int | None:
    """The time of the oldest of these changes that a side's stream brought; in milliseconds since 1970."""
    facts = (brought.fact for _, work in works if (brought := work.of(side)) is not None)
    return min((fact.time for fact in facts if fact is not None and fact.time is not None), default=None)


def holder(works: Iterable[tuple[DocumentKey, Work]], side: Side, number: int) -> DocumentKey | None:
    """A key that holds back a batch of a side's watermark."""
    for key, work in works:
        brought = work.of(side)
        if brought is not None and brought.held == number:
            return key
    return None
