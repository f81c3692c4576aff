"""Change events turned into dirty keys with their facts; echoes of our own writes are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bson import DatetimeMS
from bson.raw_bson import RawBSONDocument

from syncapp.engine.content import document_key
from syncapp.engine.origin import BATCHES, METADATA, Marker
from syncapp.engine.values import ATLAS_ORIGIN, DocumentKey, Fact, Operation, Side
from syncapp.safety.heartbeat import DEVICES
from syncapp.streams.change_stream import DIRTY, event_position

_OPERATIONS = {operation.value: operation for operation in Operation}


@dataclass(frozen=True, slots=True)
class Change:
    """A key to look at. No fact: somebody only asks for a look."""

    key: DocumentKey
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class Structural:
    """A drop, a rename, an invalidation: it names no document."""

    operation: str
    collection: str
    renamed_to: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A heartbeat of this device, as it came by the stream."""

    nonce: str


Found = Change | Structural | Pulse
Place = tuple[tuple[Any, Any] | None, Marker | None, bool]


@dataclass(slots=True)
class EventReader:
    """Reads the events of one side in their order. It outlives the stream: a stream that is opened again
    in the middle of a transaction does not bring that transaction's marker again."""

    side: Side
    device: str  # the instance id
    to_atlas_time: Callable[[int], int]  # of a local time in milliseconds
    remembers: Callable[[Iterable[str]], set[str]]  # which batch ids this database knows as its own
    transaction: tuple[Any, Any] | None = None  # the one that the newest event belongs to
    _marker: Marker | None = None  # it began with this
    _is_echo: bool = False

    @property
    def place(self) -> Place:
        """Where it stands, for `go_back`."""
        return self.transaction, self._marker, self._is_echo

    def go_back(self, place: Place) -> None:
        """What was read since then is read again: its first events must find the marker of their transaction."""
        self.transaction, self._marker, self._is_echo = place

    def read(self, events: list[RawBSONDocument]) -> list[Found]:
        """Raises PyMongoError if the local database cannot be asked; then nothing was read."""
        markers = {id(event): Marker.decode(event["fullDocument"]) for event in events if _is_marker(event)}
        if self.side is Side.LOCAL:
            # Whatever stands in this database's own stream was written by it
            known = {marker.batch_id for marker in markers.values()}
        else:
            ours = [marker.batch_id for marker in markers.values() if marker.origin == self.device]
            known = self.remembers(ours) if ours else set()
        found = []
        for event in events:
            change = self._read_one(event, markers.get(id(event)), known)
            if change is not None:
                found.append(change)
        return found

    def continues(self, events: list[RawBSONDocument]) -> bool:
        """Does the first of these events belong to the transaction of the newest event read?"""
        return bool(events) and self.transaction is not None and _transaction(events[0]) == self.transaction

    def _read_one(self, event: RawBSONDocument, marker: Marker | None, known: set[str]) -> Found | None:
        transaction = _transaction(event)
        if transaction != self.transaction or transaction is None:
            self.transaction, self._marker, self._is_echo = transaction, None, False
        if marker is not None:
            self._marker, self._is_echo = marker, marker.batch_id in known
            return None
        if self._is_echo:
            return None
        operation = _OPERATIONS.get(event["operationType"])
        collection = event["ns"].get("coll", "") if "ns" in event else ""
        if operation is None:
            to = event["to"].get("coll", "") if "to" in event else ""
            return Structural(event["operationType"], collection, to)
        if collection == BATCHES:
            return None  # a cancelled marker is no change; synced, it could be taken for a push that landed
        if collection == DIRTY:
            wanted = event["fullDocument"]
            return Change(document_key(wanted["c"], wanted["key"].raw), None)
        if collection in (METADATA, DEVICES):
            return _pulse(event["fullDocument"])
        key = document_key(collection, event["documentKey"].raw)
        return Change(key, self._fact(key, event, operation))

    def _fact(self, key: DocumentKey, event: RawBSONDocument, operation: Operation) -> Fact:
        position = event_position(event)
        wall = event.get("wallTime")
        if self._marker is not None and key in self._marker.changes:
            made, origin = self._marker.changes[key]  # another device's change
            if made is not None and wall is not None:
                made = min(made, int(DatetimeMS(wall)))  # by a clock that was ahead: it is here already
            return Fact(position, made, origin, operation)
        # Before MongoDB 6 an event has no wallTime; its cluster time is exact to the second
        time = int(DatetimeMS(wall)) if wall is not None else (position >> 32) * 1000
        if self.side is Side.LOCAL:
            return Fact(position, self.to_atlas_time(time), self.device, operation)
        return Fact(position, time, ATLAS_ORIGIN, operation)


def _pulse(beat: RawBSONDocument) -> Pulse:
    last = beat.get("last")  # in the local database a beat is kept inside
    return Pulse(str((beat if last is None else last).get("nonce", "")))


def _is_marker(event: RawBSONDocument) -> bool:
    if event["operationType"] != "insert" or event["ns"]["coll"] != BATCHES:
        return False
    return "cancelled" not in event["fullDocument"]


def _transaction(event: RawBSONDocument) -> tuple[Any, Any] | None:
    number = event.get("txnNumber")
    return None if number is None else (bytes(event["lsid"]["id"]), int(number))
