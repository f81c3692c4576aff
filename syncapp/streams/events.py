"""Change events turned into dirty keys with their facts; echoes of our own writes are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bson.raw_bson import RawBSONDocument

from syncapp.engine.content import document_key
from syncapp.engine.origin import BATCHES, METADATA, Marker
from syncapp.engine.values import ATLAS_ORIGIN, DocumentKey, Fact, Side
from syncapp.safety.heartbeat import DEVICES
from syncapp.streams.change_stream import DIRTY
from syncapp.streams.raw_event import (
    OF_BATCHES,
    OPERATIONS,
    TRANSACTION_AT,
    RawEvent,
    cut,
    decode,
    transaction_of,
)


class Change(NamedTuple):
    """A key to look at. No fact: somebody only asks for a look."""

    key: DocumentKey
    fact: Fact | None


class Structural(NamedTuple):
    """A drop, a rename, an invalidation: it names no document."""

    operation: str
    collection: str
    renamed_to: str = ""


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
            decoded = RawBSONDocument(event)
            operation, collection = decoded["operationType"], decoded["c"]
            if operation not in OPERATIONS:
                to = decoded["to"].get("coll", "") if "to" in decoded else ""
                return Structural(operation, collection, to)
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
    decoded = RawBSONDocument(event)
    if (
        decoded["operationType"] != "insert"
        or decoded["c"] != BATCHES
        or "cancelled" in decoded["fullDocument"]
    ):
        return None
    return RawBSONDocument(decoded["fullDocument"].raw)
