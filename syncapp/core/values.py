"""The values that cross boundaries: frozen, comparable, and free of Django, Celery and PyMongo.

Positions are cluster times as one integer (seconds << 32 | increment). Times are milliseconds since
1970 by Atlas's clock. Values that exist per document are named tuples: they are created three times as fast
as frozen dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

ABSENT = bytes(16)  # the content hash of a document that does not exist
# As an agreed content of Atlas: a document that does not match the filter, and whose copy stays here
FOREIGN = b"\xfe" * 16
UNKNOWN = b"\xff" * 16  # as an agreed content: equals none, so a difference is a conflict
ATLAS_ORIGIN = "atlas"  # the origin of a change that was made on Atlas itself


class Word(StrEnum):
    """An enum member as a key of mappings on the hot path: an Enum's own hash is a Python function."""

    __hash__ = str.__hash__


class Side(Word):
    LOCAL = "local"
    ATLAS = "atlas"

    @property
    def other(self) -> Side:
        return Side.ATLAS if self is Side.LOCAL else Side.LOCAL


BOTH = (Side.LOCAL, Side.ATLAS)


class Operation(Word):
    """An application's operation; for counters only, since decisions depend on contents."""

    INSERT = "insert"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class DocumentKey:
    """A collection and an `_id`. Two keys are equal if their `_id`s are equal for the server.

    `identity`: canonical form of the `_id`; `id_bson`: BSON of {_id: …}, as one side stores it (content.py).
    """

    # Not a dataclass: each key is created once and hashed some thirty times
    __slots__ = ("_hash", "collection", "digest", "id_bson", "identity")

    def __init__(self, collection: str, identity: bytes, id_bson: bytes) -> None:
        self.collection = collection
        self.identity = identity
        self.id_bson = id_bson
        self.digest = b""  # what `content.key_hash` found
        self._hash = hash(identity)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DocumentKey):
            return NotImplemented
        return self.identity == other.identity and self.collection == other.collection

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"DocumentKey({self.collection!r}, {self.id_bson!r})"


class Fact(NamedTuple):
    """The last native change of a key on one side, last in the order of its stream."""

    position: int
    time: int | None  # None: unknown
    origin: str
    operation: Operation = Operation.UPDATE
    exact: bool = True  # False: the time is known to the second only

    @property
    def rank(self) -> tuple[int, str]:
        """The value that last-write-wins compares. An unknown time is older than any known one."""
        return (-1 if self.time is None else self.time, self.origin)


class UnknownTime(StrEnum):
    """Who wins a conflict if both times are unknown."""

    NEWEST = "newest"  # the version with the later timestamp in a field of its own
    LOCAL = "local"
    ATLAS = "atlas"
    MANUAL = "manual"  # neither: the conflict needs manual resolution


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp from a document. Only timestamps of one kind can be compared."""

    kind: str
    value: int | float | Decimal


class Intent(NamedTuple):
    """A push whose outcome is not recorded."""

    batch_id: str
    content: bytes  # hash of what is pushed
    at: int  # milliseconds by the local clock


class SyncState(NamedTuple):
    """A device's state of one key: the contents of both sides that were last agreed on."""

    local: bytes = ABSENT
    atlas: bytes = ABSENT
    intent: Intent | None = None
    counter: int = 0  # raised by every decision about the key: orders decisions
    # Who wins if both sides changed at unknown times, by an operator's answer; used once
    prefer: UnknownTime | None = None
    # The position on Atlas at which its content was read there or written, 0 if unknown: it is read from no earlier
    seen_at: int = 0
    projection: str = ""  # what the contents are hashes of (projection.py)

    def next(
        self,
        local: bytes,
        atlas: bytes,
        intent: Intent | None = None,
        prefer: UnknownTime | None = None,
        seen_at: int = 0,
    ) -> SyncState:
        """The state after one more decision."""
        return SyncState(
            local, atlas, intent, self.counter + 1, prefer, max(seen_at, self.seen_at), self.projection
        )

    def landed(self, intent: Intent, position: int) -> SyncState:
        """The state once its open push is known to have been applied, at or before this position on Atlas: that was
        decided before."""
        seen_at = max(position, self.seen_at)  # notes of earlier versions have none
        return self._replace(local=intent.content, atlas=intent.content, intent=None, seen_at=seen_at)


class Seen(NamedTuple):
    """Contents that an earlier task read, the positions of its reads, how many decisions had been made
    about the key by then, and the sides whose streams must have been read past the reads."""

    contents: Mapping[Side, bytes]
    read_at: Mapping[Side, int]
    counter: int
    waits_for: tuple[Side, ...] = BOTH


class WorkItem(NamedTuple):
    """A key in a task, with what the listener knows about it."""

    key: DocumentKey
    facts: Mapping[Side, Fact] = MappingProxyType({})
    seen: Seen | None = None
    attempts: int = 0  # failed ones; a lost connection does not count
    losses: int = 0  # how often a worker process ended while it had this key alone


@dataclass(frozen=True, slots=True)
class Batch:
    """Keys of one collection, sent to an apply worker as one Celery task."""

    task_id: str
    side: Side  # whose stream delivered the keys: determines the queue, and the direction that counts a skip
    collection: str
    items: tuple[WorkItem, ...]
    read_to: Mapping[Side, int]  # every event up to and including this position had been read
    hurry: bool = False  # the listener's memory is full: do not wait for the exact time of a push
    gathered: bool = False  # all dirty keys of the collection, since unique values move between documents
    halted: frozenset[Side] = frozenset()  # whose versions must not be transferred until an operator answers
    rules_version: int = 0
    device: str = ""  # the instance id
    reply_to: str = ""  # the stream of reports that the listener reads


class Ending(Word):
    """The outcome of a key when its task ends."""

    DONE = "done"
    WAIT = "wait"  # re-queue it when the streams are past the positions in `seen`
    AGAIN = "again"  # re-queue it: a connection was lost, or the document kept changing
    RETRY = "retry"  # a transient error that may be the document's own: re-queue it, and count
    OWED = "owed"  # a pull that is not allowed while sync is disabled: pending until it is
    REJECTED = "rejected"  # the document's own error; recorded elsewhere, so that it blocks nothing
    LATER = "later"  # decided by rules that the listener has not read yet: repeat when it has
    GATHER = "gather"  # re-queue it in one batch with all dirty keys of its collection
    BARRED = "barred"  # the server refuses access (login, privileges): repeat after a delay, uncounted
    LOST = "lost"  # the worker process ended: repeat in smaller batches, until the failing key is isolated


class Outcome(NamedTuple):
    """The end of one key's work."""

    key: DocumentKey
    ending: Ending
    transfer: Side | None = None  # the side that was written; None: a no-op
    operation: Operation | None = None
    conflict: bool = False
    because: str = ""  # of a conflict or a merge: in one sentence
    open_conflict: str = ""  # the record of the open conflict; empty: none
    seen: Seen | None = None
    reason: str = ""
    code: int | None = None
    document: bytes | None = None
    # A unique index is the reason: the document of the target that holds the value
    other_id: bytes | None = None
    other_document: bytes | None = None
    merged: bool = False  # both sides' changes are in the document; `conflict` too: not all of them
    held: bool = False  # a transfer is due, and waits for an operator's answer
