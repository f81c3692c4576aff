"""`_sync_state` in the local database: one document a key, with the agreed pair and the open intent.

{_id: 16 bytes that stand for the key, c: collection, key: {_id}, h: hash of both sides' agreed content
(or l and a, where they differ by agreement), n: counter, p: who is preferred, i: {b: batch id, h: hash, at: ms}, gone: date,
q: the position on Atlas at which its content was read or written, f: the projection that the hashes were made under, none: the
whole document}.
`gone` is there when the document is agreed to be absent; a TTL index removes such states later. An intent of a batch
that is noted as acknowledged (landings.py) no longer counts: its content is agreed on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.content import HASH_BYTES, elements_of, key_hash, wrap
from syncapp.core.values import ABSENT, UNKNOWN, DocumentKey, Intent, SyncState, UnknownTime
from syncapp.mongo import write_commands
from syncapp.mongo.errors import TransientError
from syncapp.store.landings import landed_batches
from syncapp.store.names import STATE

KEEP_GONE_SECONDS = 14 * 86_400
_FIELDS = frozenset(("h", "l", "a", "n", "p", "i", "gone", "q", "f"))
_ID_OF_HASH = b"\x05_id\0" + HASH_BYTES.to_bytes(4, "little") + b"\0"  # the element, up to its 16 bytes
_WITHOUT_KEY = {"c": 0, "key": 0}  # an `_id` of any type stays on the server


def read_states(local: Database[Any], keys: Iterable[DocumentKey]) -> dict[DocumentKey, SyncState]:
    """The state of every key; a key without decisions has the state of an absent document."""
    by_hash = {key_hash(key): key for key in keys}
    states = dict.fromkeys(by_hash.values(), SyncState())
    query = {"_id": {"$in": list(by_hash)}}
    intents: dict[DocumentKey, Intent] = {}
    for found in local[STATE].find(query, _WITHOUT_KEY, batch_size=len(by_hash) + 1):
        key = by_hash[found["_id"]]
        states[key] = state = _decode(found)
        if state.intent:
            intents[key] = state.intent
    if intents:
        landed = landed_batches(local, {intent.batch_id for intent in intents.values()})
        for key, intent in intents.items():
            if intent.batch_id in landed:
                states[key] = states[key].landed(intent, landed[intent.batch_id])
    return states


def write_states(
    local: Database[Any],
    changes: Iterable[tuple[DocumentKey, SyncState, SyncState]],
    session: ClientSession,
) -> None:
    """Write, in a transaction, (key, state as read, new state). New ones are inserted, since an upsert is much slower.

    Raises TransientError if one of them was decided concurrently since it was read, or BulkWriteError if
    a new one exists already.
    """
    updates, inserts = [], []
    counters: dict[bytes, int] = {}
    for key, before, after in changes:
        fields = _encode(after)
        if before.counter:
            counters[key_hash(key)] = before.counter
            # Not a whole document: maintaining the index on `gone` would cost the server twice as much
            change = b"\x03$set\0" + wrap(elements_of(fields)) + _unset_others(frozenset(fields))
            updates.append(write_commands.statement(wrap(_ID_OF_HASH + key_hash(key)), wrap(change)))
        else:
            fields = {"_id": key_hash(key), "c": key.collection, **fields}
            inserts.append(RawBSONDocument(wrap(elements_of(fields) + b"\x03key\0" + key.id_bson)))
    # Checked in one read: with a counter in each query the server would plan each of them
    found = local[STATE].find({"_id": {"$in": list(counters)}}, {"n": 1}, session=session) if counters else ()
    if {one["_id"]: one["n"] for one in found} != counters:
        raise TransientError("concurrent decision: the state's version has changed")
    write_commands.update(local[STATE], updates, session)
    write_commands.insert(local[STATE], inserts, session)


def replace_pairs(
    local: Database[Any], changes: Iterable[tuple[DocumentKey, SyncState, bytes]], prefer: UnknownTime | None
) -> int:
    """Set a content as agreed for both sides, of (key, state as read, content); concurrently decided keys are
    skipped, and open intents kept. Returns how many were replaced. Raises PyMongoError."""
    operations = [_replace_pair(key, before, content, prefer) for key, before, content in changes]
    return int(local[STATE].bulk_write(operations, ordered=False).modified_count)


def _replace_pair(
    key: DocumentKey, before: SyncState, content: bytes, prefer: UnknownTime | None
) -> UpdateOne:
    values: dict[str, Any] = {"h": content, "n": before.counter + 1}
    if content == UNKNOWN and prefer is not None:
        values["p"] = prefer.value
    # There may be an intent noted as acknowledged: it would keep defining what is agreed
    over = ("l", "a", "gone", "i") if before.intent is None else ("l", "a", "gone")
    change = {"$set": values, "$unset": dict.fromkeys(over, "")}
    return UpdateOne({"_id": key_hash(key), "n": before.counter}, change)


def ensure_indexes(local: Database[Any]) -> None:
    local[STATE].create_index("gone", expireAfterSeconds=KEEP_GONE_SECONDS, sparse=True)


def _decode(found: dict[str, Any]) -> SyncState:
    both = found.get("h")
    intent = found.get("i")
    return SyncState(
        local=found["l"] if both is None else both,
        atlas=found["a"] if both is None else both,
        intent=Intent(intent["b"], intent["h"], intent["at"]) if intent else None,
        counter=found["n"],
        prefer=UnknownTime(found["p"]) if "p" in found else None,
        seen_at=found.get("q", 0),
        projection=found.get("f", ""),
    )


def _encode(state: SyncState) -> dict[str, Any]:
    """All but what names the key."""
    fields: dict[str, Any] = {"n": state.counter}
    if state.local == state.atlas:
        fields["h"] = state.local
    else:
        fields |= {"l": state.local, "a": state.atlas}
    if state.prefer:
        fields["p"] = state.prefer.value
    if state.seen_at:
        fields["q"] = state.seen_at
    if state.projection:
        fields["f"] = state.projection
    if state.intent:
        fields["i"] = {"b": state.intent.batch_id, "h": state.intent.content, "at": state.intent.at}
    elif state.local == state.atlas == ABSENT:
        fields["gone"] = dt.datetime.now(dt.UTC)
    return fields


@cache
def _unset_others(fields: frozenset[str]) -> bytes:
    """Unset all other fields: also an intent noted as acknowledged, which `before` does not have."""
    return b"\x03$unset\0" + wrap(elements_of(dict.fromkeys(sorted(_FIELDS - fields), "")))
