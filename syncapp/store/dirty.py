"""Keys queued for the listener, in the local `_sync_dirty`, whose stream delivers them like any event:
{_id: 16 bytes that stand for the key, c: collection, key: {_id}, why, at, n: new each time, s: what was seen of it}.
Comparisons write them, and whoever asks for a look (a resolved halt, a rejected change that is retried)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from bson import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.database import Database

from syncapp.core.content import document_key, key_hash
from syncapp.core.values import BOTH, UNKNOWN, DocumentKey, Seen, Side
from syncapp.store.names import DIRTY

KEEP_DIRTY_SECONDS = 86_400


def mark_dirty(
    local: Database[Any],
    keys: Iterable[DocumentKey],
    why: str,
    seen: Mapping[DocumentKey, Seen] = MappingProxyType({}),
) -> int:
    """Queue these keys for the listener. `seen`: what was read on the local side before (`seen_here`): who pushes that need not
    wait until the stream has been read past another read. Returns how many."""
    operations = []
    for key in keys:
        document: dict[str, Any] = {
            "_id": key_hash(key),
            "c": key.collection,
            "key": RawBSONDocument(key.id_bson),
            "why": why,
            "at": dt.datetime.now(dt.UTC),
            "n": uuid.uuid4().hex,  # an identical replace would cause no event
        }
        if (before := seen.get(key)) is not None:
            document["s"] = [before.contents[Side.LOCAL], Int64(before.read_at[Side.LOCAL]), before.counter]
        operations.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
    if operations:
        local[DIRTY].bulk_write(operations, ordered=False)
    return len(operations)


def seen_here(content: bytes, position: int, counter: int) -> Seen:
    """What was read of a document on the local side alone. `position`: of the stream, not after the read: what came between
    counts as newer. The mark is written after the read, so who takes it from the stream has read it past the read."""
    contents = {Side.LOCAL: content, Side.ATLAS: UNKNOWN}
    return Seen(contents, {**dict.fromkeys(BOTH, 0), Side.LOCAL: position}, counter, (Side.LOCAL,))


def seen_before(record: Mapping[str, Any]) -> Seen | None:
    """What this record says was seen of its key. None: nothing."""
    if "s" not in record:
        return None
    content, position, counter = record["s"]
    return seen_here(bytes(content), int(position), int(counter))


def queued_since(local: Database[Any], key: DocumentKey) -> tuple[dt.datetime, str] | None:
    """When and why this key was last queued. None: it was not, or long ago."""
    found = local[DIRTY].find_one({"_id": key_hash(key)}, {"at": 1, "why": 1})
    return (found["at"].replace(tzinfo=dt.UTC), found["why"]) if found else None


def wanted_key(record: Mapping[str, Any]) -> DocumentKey:
    """The key that this record, decoded with raw subdocuments, queues."""
    return document_key(record["c"], record["key"].raw)


def ensure_indexes(local: Database[Any]) -> None:
    local[DIRTY].create_index("at", expireAfterSeconds=KEEP_DIRTY_SECONDS)
