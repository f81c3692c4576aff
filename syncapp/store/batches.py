"""Who made a change: the batch markers that sync writes first in each
transaction that writes documents, so that its own writes and other devices' are told from native ones.

A marker: {_id: batch id, origin: instance id, at: date, c: collection, docs: [{k: {_id}, t: date, o: origin}], task: task id}.
`task` is in local ones: a task that was superseded may bring a document that has left its filter since, also one that began
before there was a filter.
`t` and `o` are of the transferred native change; without `o` it was made on the device itself. With `s: true`
its time has a resolution of one second. Workers write them, in `_sync_batches` of the database that the batch writes to;
a marker that keeps a lost push out for ever has `cancelled: true` instead of `c` and `docs`, and one of a batch of which
landings.py notes that it landed has `landed` and no `at`.
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
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.content import document_key, elements_of, split_documents, wrap
from syncapp.core.values import ATLAS_ORIGIN, DocumentKey, Fact
from syncapp.store.names import BATCHES

_MILLISECONDS = struct.Struct("<q")
_TO_THE_SECOND = b"\x08s\0\x01"


def is_local_change(fact: Fact, device: str) -> bool:
    """Was the change made by an application on this device?"""
    return fact.origin == device


def is_atlas_change(fact: Fact) -> bool:
    """Was the change made by an application on Atlas itself?"""
    return fact.origin == ATLAS_ORIGIN


def new_batch_id() -> str:
    """A new one for every attempt: a redelivered task must not find its own marker."""
    return str(uuid.uuid4())


def insert_marker(
    database: Database[Any],
    batch_id: str,
    origin: str,
    session: ClientSession,
    facts: Iterable[tuple[DocumentKey, Fact | None]] = (),
    task: str = "",
) -> None:
    """Write a batch's marker. Raises DuplicateKeyError if its intents were resolved by another task.

    `facts`: information for other devices. No other device reads the local database's stream.
    """
    entries, collection = [], ""
    for place, (key, fact) in enumerate(facts):
        collection = key.collection
        # Built by hand: encoding so many small documents would cost more than writing the batch
        entry = b"\x03k\0" + key.id_bson
        if fact is not None and fact.time is not None:
            entry += b"\x09t\0" + _MILLISECONDS.pack(fact.time)
        if fact is not None and fact.origin != origin:
            entry += elements_of({"o": fact.origin})
        if fact is not None and not fact.exact:
            entry += _TO_THE_SECOND
        entries.append(b"\x03%d\0" % place + wrap(entry))
    head = {"_id": batch_id, "origin": origin, "at": dt.datetime.now(dt.UTC), "c": collection}
    head |= {"task": task} if task else {}
    marker = wrap(elements_of(head) + b"\x04docs\0" + wrap(b"".join(entries)))
    database[BATCHES].insert_one(RawBSONDocument(marker), session=session)


def insert_cancelled(
    atlas: Database[Any], batch_id: str, origin: str, session: ClientSession | None = None
) -> None:
    """The marker of a cancelled batch. Raises DuplicateKeyError if that batch has been applied."""
    marker = {"_id": batch_id, "origin": origin, "at": dt.datetime.now(dt.UTC), "cancelled": True}
    atlas[BATCHES].insert_one(marker, session=session)


def settle(atlas: Database[Any], batch_ids: Iterable[str], origin: str) -> dict[str, frozenset[DocumentKey]]:
    """Determine which keys each of these batches pushed.

    A batch without a marker gets a cancelled one: its unique `_id` blocks the late push for ever.
    """
    wanted = set(batch_ids)
    landed = applied_keys(atlas, wanted)
    for batch_id in wanted - set(landed):
        try:
            insert_cancelled(atlas, batch_id, origin)
            landed[batch_id] = frozenset()
        except DuplicateKeyError:
            landed |= applied_keys(atlas, {batch_id})  # it was applied just now
    return landed


def applied_keys(
    database: Database[Any], batch_ids: Iterable[str], session: ClientSession | None = None
) -> dict[str, frozenset[DocumentKey]]:
    """Which keys each of these batches wrote to this database. Batches without a marker are left out."""
    found = database[BATCHES].find_raw_batches({"_id": {"$in": list(batch_ids)}}, session=session)
    markers = [Marker.decode(RawBSONDocument(raw)) for portion in found for raw in split_documents(portion)]
    return {marker.batch_id: frozenset(marker.changes) for marker in markers}


class Made(NamedTuple):
    """Time and origin of a transferred native change: milliseconds, None if unknown."""

    time: int | None
    origin: str
    exact: bool = True  # False: resolution of one second


@dataclass(frozen=True, slots=True)
class Marker:
    """A batch marker as read."""

    batch_id: str
    origin: str
    changes: Mapping[DocumentKey, Made]
    task: str = ""

    @staticmethod
    def is_one(raw: RawBSONDocument) -> bool:
        """Of a batch that was applied; other documents of that collection are not, nor are those of cancelled batches."""
        names = isinstance(raw.get("_id"), str) and isinstance(raw.get("origin"), str)
        return names and "cancelled" not in raw

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
        return cls(raw["_id"], origin, changes, raw.get("task", ""))


def remembered(local: Database[Any], batch_ids: Iterable[str]) -> set[str]:
    """Those of the batches that this database has recorded as its own.

    Not merely those whose origin is ours: a database that was rolled back must receive its own later
    writes again.
    """
    return {one["_id"] for one in local[BATCHES].find({"_id": {"$in": list(batch_ids)}}, {"_id": 1})}


class Pushed(NamedTuple):
    """One push of a document to Atlas: when it was written, by which device, and what it transferred."""

    at: dt.datetime
    device: str
    made: Made


def pushes_of(atlas: Database[Any], key: DocumentKey, limit: int, max_ms: int) -> list[Pushed]:
    """The last pushes of this document by any device, the newest first, as far as markers are kept. Reads markers one by one:
    raises ExecutionTimeout after `max_ms`."""
    # Embedded documents are equal byte for byte: that is how the marker holds the key
    query = {"c": key.collection, "docs.k": RawBSONDocument(key.id_bson)}
    options = atlas.codec_options.with_options(document_class=RawBSONDocument)
    raw = atlas[BATCHES].with_options(codec_options=options)
    found = raw.find(query).sort("at", -1).limit(limit).max_time_ms(max_ms)
    markers = [(one["at"], Marker.decode(one)) for one in found]
    return [Pushed(at, marker.origin, marker.changes[key]) for at, marker in markers]


def ensure_indexes(database: Database[Any], keep_hours: int) -> None:
    """Markers expire by a TTL index. A changed keep time changes the index."""
    keep = keep_hours * 3600
    for index in database[BATCHES].list_indexes():
        if "expireAfterSeconds" in index and int(index["expireAfterSeconds"]) != keep:
            # Not collMod: the role readWrite lacks that privilege
            database[BATCHES].drop_index(index["name"])
    database[BATCHES].create_index("at", expireAfterSeconds=keep)
