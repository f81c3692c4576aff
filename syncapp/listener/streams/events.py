"""Converts change events to dirty keys with their facts; echoes of our own writes are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from bson.raw_bson import RawBSONDocument

from syncapp.core.changes import UNREADABLE, Change, Found, Pulse, Structural
from syncapp.core.content import document_key
from syncapp.core.rule.exclusions import is_reserved
from syncapp.core.values import ATLAS_ORIGIN, DocumentKey, Fact, Operation, Side
from syncapp.listener.streams.raw_event import (
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
from syncapp.store.dirty import seen_before, wanted_key
from syncapp.store.heartbeat import nonce_of
from syncapp.store.names import BATCHES, DEVICES, DIRTY, METADATA

log = structlog.get_logger(__name__)
Place = tuple[bytes | None, Marker | None, bool]
_WALL = b"\x09wallTime\0"  # of every event of MongoDB 6 and newer


@dataclass(slots=True)
class EventReader:
    """Reads the events of one side in order. It outlives the stream: a stream that is reopened
    in the middle of a transaction does not deliver that transaction's marker again."""

    side: Side
    device: str  # the instance id
    to_atlas_time: Callable[[int], int]  # of a local time in milliseconds
    remembers: Callable[[Iterable[str]], set[str]]  # which batch ids this database has recorded as its own
    # Position → milliseconds of events without a time of their own; may omit any
    times_of: Callable[[Iterable[bytes]], Mapping[int, int]] = lambda events: {}
    # Was this task given up, or handed out by another listener? Only asked for while there are filters
    superseded: Callable[[str], bool] = lambda task: False
    transaction: bytes | None = None  # the newest event's
    _marker: Marker | None = None  # its first write
    _is_echo: bool = False
    _times: Mapping[int, int] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The current position, for `go_back`."""
        return self.transaction, self._marker, self._is_echo

    def go_back(self, place: Place) -> None:
        """Events since then are read again: the first ones need the marker of their transaction."""
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
            except Exception as error:  # one bad event must not stop the stream
                found += unreadable(self.side, event, error)
        return found

    def continues(self, events: list[bytes]) -> bool:
        """Does the first of these events continue the transaction of the newest event read?"""
        return bool(events) and self.transaction is not None and transaction_of(events[0]) == self.transaction

    def _echoes(self, markers: Iterable[RawBSONDocument]) -> set[str]:
        """Which of these batches are our own."""
        if self.side is Side.LOCAL:
            # All of this database's own stream was written by it. What a superseded task wrote is looked at again
            return {one["_id"] for one in markers if not self.superseded(one.get("task", ""))}
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
                    None  # a cancelled marker is no change; synchronised, it could pass for an applied push
                )
            if collection == DIRTY:
                record = decoded["fullDocument"]
                return Change(wanted_key(record), None, seen_before(record))
            if collection in (METADATA, DEVICES):
                return Pulse(nonce_of(decoded["fullDocument"]))
            plain = decode(decoded)
        key = document_key(plain.collection, plain.id_bson)
        again = self._marker is not None and self._marker.task
        return Change(key, None if again else self._fact(key, plain))

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
                made = min(made, time)  # its clock was ahead: the change has arrived already
            return Fact(event.position, made, origin, event.operation, exact)
        exact = time is not None
        if time is None:
            time = (event.position >> 32) * 1000
        if self.side is Side.LOCAL:
            return Fact(event.position, self.to_atlas_time(time), self.device, event.operation, exact)
        return Fact(event.position, time, ATLAS_ORIGIN, event.operation, exact)


def _marker(event: bytes) -> RawBSONDocument | None:
    """The batch marker in this event; None: there is none."""
    decoded = RawBSONDocument(event, READABLE)
    if decoded.get("operationType") != "insert" or decoded.get("c") != BATCHES:
        return None
    marker = RawBSONDocument(decoded["fullDocument"].raw)
    return marker if Marker.is_one(marker) else None


def unreadable(side: Side, event: bytes, error: Exception) -> list[Found]:
    """The follow-up of an unreadable event: its collection is compared."""
    try:
        collection = str(RawBSONDocument(event, READABLE)["c"])
    except Exception:
        collection = ""
    log.error(
        "Unreadable change event skipped",
        event_name="event_unreadable",
        side=str(side),
        collection=collection,
        error=f"{type(error).__name__}: {error}"[:300],
    )
    # An event of sync's own collections concerns no document
    return [] if is_reserved(collection) else [Structural(UNREADABLE, collection)]
