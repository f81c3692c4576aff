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
    """Queue these keys for the listener. `seen`: what was read before (`seen_then`): who decides about that need not wait
    until the streams have been read past another read. Returns how many."""
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
            document["s"] = {
                "n": before.counter,
                **{
                    side.value: [before.contents[side], Int64(before.read_at[side])]
                    for side in before.waits_for
                },
            }
        operations.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
    if operations:
        local[DIRTY].bulk_write(operations, ordered=False)
    return len(operations)


def seen_then(contents: Mapping[Side, bytes], positions: Mapping[Side, int], counter: int) -> Seen:
    """What was read of a document, on the sides that have a position. The local one: of its stream, not after the read, so that
    what came between counts as newer; the mark is written after the read, so who takes it from the stream has read it past
    the read. Atlas's: not before the read."""
    nothing = dict.fromkeys(BOTH, (UNKNOWN, 0))
    read = nothing | {side: (contents[side], position) for side, position in positions.items()}
    return Seen(
        {side: content for side, (content, _) in read.items()},
        {side: position for side, (_, position) in read.items()},
        counter,
        tuple(side for side in BOTH if side in positions),
    )


def seen_before(record: Mapping[str, Any]) -> Seen | None:
    """What this record says was seen of its key. None: nothing."""
    if "s" not in record:
        return None
    told = {Side(name): value for name, value in record["s"].items() if name != "n"}
    contents = {side: bytes(content) for side, (content, _) in told.items()}
    positions = {side: int(position) for side, (_, position) in told.items()}
    return seen_then(contents, positions, int(record["s"]["n"]))


def queued_since(local: Database[Any], key: DocumentKey) -> tuple[dt.datetime, str] | None:
    """When and why this key was last queued. None: it was not, or long ago."""
    found = local[DIRTY].find_one({"_id": key_hash(key)}, {"at": 1, "why": 1})
    return (found["at"].replace(tzinfo=dt.UTC), found["why"]) if found else None


def wanted_key(record: Mapping[str, Any]) -> DocumentKey:
    """The key that this record, decoded with raw subdocuments, queues."""
    return document_key(record["c"], record["key"].raw)


def ensure_indexes(local: Database[Any]) -> None:
    local[DIRTY].create_index("at", expireAfterSeconds=KEEP_DIRTY_SECONDS)
