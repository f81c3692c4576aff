"""Change events turned into dirty keys with their facts; echoes of our own writes are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from bson.raw_bson import RawBSONDocument

from syncapp.core.content import document_key
from syncapp.core.exclusions import is_reserved
from syncapp.core.values import ATLAS_ORIGIN, DocumentKey, Fact, Operation, Side
from syncapp.listener.raw_event import (
    OF_BATCHES,
    OPERATIONS,
    READABLE,
    TRANSACTION_AT,
    RawEvent,
    cut,
    decode,
    milliseconds,
    transaction_of,
)
from syncapp.store.batches import Marker
from syncapp.store.names import BATCHES, DEVICES, DIRTY, METADATA

log = structlog.get_logger(__name__)
UNREADABLE = "unreadable"
# After these documents are gone, or there, without an event of their own
JUDGED = frozenset({"drop", "rename", "dropDatabase", UNREADABLE})


class Change(NamedTuple):
    """A key to look at. No fact: somebody only asks for a look."""

    key: DocumentKey
    fact: Fact | None


class Structural(NamedTuple):
    """A drop, a rename, an invalidation: it names no document. `fact`: what it is to the documents that were there.

    Also what cannot be read (UNREADABLE): its collection, or all if that is empty, has to be compared."""

    operation: str
    collection: str
    renamed_to: str = ""
    fact: Fact | None = None

    @property
    def collections(self) -> frozenset[str]:
        """Whose documents it concerns."""
        named = {self.collection, self.renamed_to} if self.operation != "dropDatabase" else ()
        return frozenset(name for name in named if name and not is_reserved(name))


class Pulse(NamedTuple):
    """A heartbeat of this device, as it came by the stream."""

    nonce: str


Found = Change | Structural | Pulse
Place = tuple[bytes | None, Marker | None, bool]
_WALL = b"\x09wallTime\0"  # of every event of MongoDB 6 and newer


@dataclass(slots=True)
class EventReader:
    """Reads the events of one side in their order. It outlives the stream: a stream that is opened again
    in the middle of a transaction does not bring that transaction's marker again."""

    side: Side
    device: str  # the instance id
    to_atlas_time: Callable[[int], int]  # of a local time in milliseconds
    remembers: Callable[[Iterable[str]], set[str]]  # which batch ids this database knows as its own
    # Position → milliseconds of these events that do not tell their time themselves; may leave any out
    times_of: Callable[[Iterable[bytes]], Mapping[int, int]] = lambda events: {}
    transaction: bytes | None = None  # the one that the newest event belongs to
    _marker: Marker | None = None  # it began with this
    _is_echo: bool = False
    _times: Mapping[int, int] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where it stands, for `go_back`."""
        return self.transaction, self._marker, self._is_echo

    def go_back(self, place: Place) -> None:
        """What was read since then is read again: its first events must find the marker of their transaction."""
        self.transaction, self._marker, self._is_echo = place

    def read(self, events: list[bytes]) -> list[Found]:
        """Raises PyMongoError if a database cannot be asked; then nothing was read."""
        markers = {
            at: marker
            for at, event in enumerate(events)
            if OF_BATCHES in event and (marker := _marker(event)) is not None
        }
        echoes = self._echoes(markers.values())
        self._times = {} if not events or _WALL in events[0] else self.times_of(events)
        found: list[Found] = []
        for at, event in enumerate(events):
            try:
                goes_on = self.transaction is not None and event.startswith(self.transaction, TRANSACTION_AT)
                if goes_on and self._is_echo and at not in markers:
                    continue
                plain = cut(event)
                if not goes_on:
                    transaction = transaction_of(event) if plain is None else plain.transaction
                    if transaction is None or transaction != self.transaction:
                        self.transaction, self._marker, self._is_echo = transaction, None, False
                if at in markers:
                    raw = markers[at]
                    self._is_echo = raw["_id"] in echoes
                    self._marker = None if self._is_echo else Marker.decode(raw)
                elif not self._is_echo and (change := self._change(event, plain)) is not None:
                    found.append(change)
            except Exception as error:  # whatever is wrong with this one: the stream goes on
                found += unreadable(self.side, event, error)
        return found

    def continues(self, events: list[bytes]) -> bool:
        """Does the first of these events belong to the transaction of the newest event read?"""
        return bool(events) and self.transaction is not None and transaction_of(events[0]) == self.transaction

    def _echoes(self, markers: Iterable[RawBSONDocument]) -> set[str]:
        """Which of these batches are our own."""
        if self.side is Side.LOCAL:
            # Whatever stands in this database's own stream was written by it
            return {marker["_id"] for marker in markers}
        ours = [marker["_id"] for marker in markers if marker["origin"] == self.device]
        return self.remembers(ours) if ours else set()

    def _change(self, event: bytes, plain: RawEvent | None) -> Found | None:
        if plain is None:
            decoded = RawBSONDocument(event, READABLE)
            operation, collection = decoded["operationType"], decoded["c"]
            if operation not in OPERATIONS:
                return self._structural(decoded)
            if collection == BATCHES:
                return (
                    None  # a cancelled marker is no change; synced, it could be taken for a push that landed
                )
            if collection == DIRTY:
                wanted = decoded["fullDocument"]
                return Change(document_key(wanted["c"], wanted["key"].raw), None)
            if collection in (METADATA, DEVICES):
                return _pulse(decoded["fullDocument"])
            plain = decode(decoded)
        key = document_key(plain.collection, plain.id_bson)
        return Change(key, self._fact(key, plain))

    def _structural(self, event: RawBSONDocument) -> Structural:
        to = event["to"].get("coll", "") if "to" in event else ""
        at, wall = event["clusterTime"], event.get("wallTime")
        time = None if wall is None else milliseconds(wall)
        gone = RawEvent(Operation.DELETE, event["c"], b"", at.time << 32 | at.inc, time, None)
        fact = self._fact(DocumentKey(event["c"], b"", b""), gone)
        return Structural(event["operationType"], event["c"], to, fact)

    def _fact(self, key: DocumentKey, event: RawEvent) -> Fact:
        # Before MongoDB 6 an event has no wallTime; its cluster time is exact to the second
        time = event.wall if event.wall is not None else self._times.get(event.position)
        if self._marker is not None and key in self._marker.changes:
            made, origin, exact = self._marker.changes[key]  # another device's change
            if made is not None and time is not None:
                made = min(made, time)  # by a clock that was ahead: it is here already
            return Fact(event.position, made, origin, event.operation, exact)
        exact = time is not None
        if time is None:
            time = (event.position >> 32) * 1000
        if self.side is Side.LOCAL:
            return Fact(event.position, self.to_atlas_time(time), self.device, event.operation, exact)
        return Fact(event.position, time, ATLAS_ORIGIN, event.operation, exact)


def _pulse(beat: RawBSONDocument) -> Pulse:
    last = beat.get("last")  # in the local database a beat is kept inside
    return Pulse(str((beat if last is None else last).get("nonce", "")))


def _marker(event: bytes) -> RawBSONDocument | None:
    """The marker of a batch that this event brings; None: it brings none."""
    decoded = RawBSONDocument(event, READABLE)
    if decoded.get("operationType") != "insert" or decoded.get("c") != BATCHES:
        return None
    marker = RawBSONDocument(decoded["fullDocument"].raw)
    # Whatever else a person may have put there is no marker
    ours = isinstance(marker.get("_id"), str) and isinstance(marker.get("origin"), str)
    return marker if ours and "cancelled" not in marker else None


def unreadable(side: Side, event: bytes, error: Exception) -> list[Found]:
    """What is to be done about an event that cannot be read: the collection that it is of is compared."""
    try:
        collection = str(RawBSONDocument(event, READABLE)["c"])
    except Exception:
        collection = ""
    log.error(
        "An event cannot be read",
        event_name="event_unreadable",
        side=str(side),
        collection=collection,
        error=f"{type(error).__name__}: {error}"[:300],
    )
    # What is wrong in a collection of sync itself stands for no document
    return [] if is_reserved(collection) else [Structural(UNREADABLE, collection)]
