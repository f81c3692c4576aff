"""Who made a change: the device's instance id, and the batch markers that sync writes first in each
transaction that writes documents, so that its own writes and other devices' are told from native ones.

A marker: {_id: batch id, origin: instance id, at: date, c: collection, docs: [{k: {_id}, t: date, o: origin}]}.
`t` and `o` are of the native change that is carried; without `o` it was made on the device itself. With `s: true`
its time is known to the second only.
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bson import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.content import document_key, elements_of, split_documents, wrap
from syncapp.core.values import ATLAS_ORIGIN, DocumentKey, Fact

BATCHES = "_sync_batches"
METADATA = "_sync_metadata"
STATE = "_sync_state"
INSTANCE_ID = "instance"
_MILLISECONDS = struct.Struct("<q")
_TO_THE_SECOND = b"\x08s\0\x01"


def instance_id(local: Database[Any]) -> str:
    """The device's id: made at the first start and kept in the local database, with which it ages."""
    found = local[METADATA].find_one_and_update(
        {"_id": INSTANCE_ID},
        {"$setOnInsert": {"instanceId": str(uuid.uuid4()), "createdAt": dt.datetime.now(dt.UTC)}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return str(found["instanceId"]) if found else ""


def known_instance_id(local: Database[Any]) -> str:
    """The device's id; empty: sync has never run on this database. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": INSTANCE_ID}) or {}
    return str(found.get("instanceId", ""))


def is_local_change(fact: Fact, device: str) -> bool:
    """Was the change made by an application on this device?"""
    return fact.origin == device


def is_atlas_change(fact: Fact) -> bool:
    """Was the change made by an application on Atlas itself?"""
    return fact.origin == ATLAS_ORIGIN


def new_batch_id() -> str:
    """Every attempt draws a new one: a task that is delivered again must not meet its own marker."""
    return str(uuid.uuid4())


def insert_marker(
    database: Database[Any],
    batch_id: str,
    origin: str,
    session: ClientSession,
    facts: Iterable[tuple[DocumentKey, Fact | None]] = (),
) -> None:
    """Write a batch's marker. Raises DuplicateKeyError if its intents were settled without us.

    `facts`: what other devices have to know. Nobody else reads the local database's stream.
    """
    entries, collection = [], ""
    for place, (key, fact) in enumerate(facts):
        collection = key.collection
        # Put together by hand: to encode so many small documents would cost more than to write the batch
        entry = b"\x03k\0" + key.id_bson
        if fact is not None and fact.time is not None:
            entry += b"\x09t\0" + _MILLISECONDS.pack(fact.time)
        if fact is not None and fact.origin != origin:
            entry += elements_of({"o": fact.origin})
        if fact is not None and not fact.exact:
            entry += _TO_THE_SECOND
        entries.append(b"\x03%d\0" % place + wrap(entry))
    head = {"_id": batch_id, "origin": origin, "at": dt.datetime.now(dt.UTC), "c": collection}
    marker = wrap(elements_of(head) + b"\x04docs\0" + wrap(b"".join(entries)))
    database[BATCHES].insert_one(RawBSONDocument(marker), session=session)


def settle(atlas: Database[Any], batch_ids: Iterable[str], origin: str) -> dict[str, frozenset[DocumentKey]]:
    """Find out for certain which keys each of these batches pushed.

    A batch without a marker gets one that is cancelled: its unique `_id` keeps the late push out for ever.
    """
    wanted = set(batch_ids)
    landed = _listed(atlas, wanted)
    for batch_id in wanted - set(landed):
        try:
            atlas[BATCHES].insert_one(
                {"_id": batch_id, "origin": origin, "at": dt.datetime.now(dt.UTC), "cancelled": True}
            )
            landed[batch_id] = frozenset()
        except DuplicateKeyError:
            landed |= _listed(atlas, {batch_id})  # it landed just now
    return landed


def _listed(atlas: Database[Any], batch_ids: set[str]) -> dict[str, frozenset[DocumentKey]]:
    found = atlas[BATCHES].find_raw_batches({"_id": {"$in": list(batch_ids)}})
    markers = [Marker.decode(RawBSONDocument(raw)) for portion in found for raw in split_documents(portion)]
    return {marker.batch_id: frozenset(marker.changes) for marker in markers}


class Made(NamedTuple):
    """When and where the native change that a batch carries was made: milliseconds, None if that is unknown."""

    time: int | None
    origin: str
    exact: bool = True  # False: to the second only


@dataclass(frozen=True, slots=True)
class Marker:
    """A batch marker as read."""

    batch_id: str
    origin: str
    changes: Mapping[DocumentKey, Made]

    @classmethod
    def decode(cls, raw: RawBSONDocument) -> Marker:
        origin = raw["origin"]
        changes = {}
        for entry in raw.get("docs", ()):
            time = entry.get("t")
            changes[document_key(raw["c"], entry["k"].raw)] = Made(
                None if time is None else int(DatetimeMS(time)),
                entry.get("o", origin),
                not entry.get("s", False),
            )
        return cls(raw["_id"], origin, changes)


def remembered(local: Database[Any], batch_ids: Iterable[str]) -> set[str]:
    """Those of the batches that this database knows as its own.

    Not merely those whose origin is ours: a database that was rolled back must receive its own later
    writes again.
    """
    return {one["_id"] for one in local[BATCHES].find({"_id": {"$in": list(batch_ids)}}, {"_id": 1})}


def ensure_indexes(database: Database[Any], keep_hours: int) -> None:
    """Markers expire by a TTL index. A changed keep time changes the index."""
    keep = keep_hours * 3600
    for index in database[BATCHES].list_indexes():
        if "expireAfterSeconds" in index and int(index["expireAfterSeconds"]) != keep:
            # Not collMod: the role readWrite does not hold that right
            database[BATCHES].drop_index(index["name"])
    database[BATCHES].create_index("at", expireAfterSeconds=keep)
