"""`_sync_bases` in the local database: the documents that both sides last agreed on, for collections whose strategy merges.

{_id: 17 bytes: the key's hash and a slot (0, 1), c: collection, h: content hash, d: the document}. Workers write them, in
the transaction that writes the key's state. A base counts if its hash is the content that the state says was agreed on:
so a push puts its document beside the base in force, and is the base from the moment at which it is known to have been
applied, however that came to be known; and what was kept under rules that have changed since is not taken for another.
Versions that do not know these records do them no harm: what they agree on has another hash.

A document that is larger than LARGEST has no base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.content import HASH_BYTES, elements_of, key_hash, wrap
from syncapp.core.values import DocumentKey
from syncapp.mongo import write_commands
from syncapp.store.names import BASES

LARGEST = 16_000_000  # bytes of a document: the record has its hash and its collection too
SLOTS = 2  # the base in force, and what a push will make it
Kept = Mapping[bytes, int]  # content hash → slot


class BaseChange(NamedTuple):
    key: DocumentKey
    kept: Kept  # as read
    wanted: Mapping[bytes, bytes | None]  # content hash → document; None: only if it is there already


def kept_bases(
    local: Database[Any], keys: Iterable[DocumentKey], session: ClientSession | None = None
) -> dict[DocumentKey, dict[bytes, int]]:
    """What is kept for each key: contents, without the documents."""
    by_hash = {key_hash(key): key for key in keys}
    found: dict[DocumentKey, dict[bytes, int]] = {key: {} for key in by_hash.values()}
    query = {"_id": {"$in": _ids(by_hash)}}
    for one in local[BASES].find(query, {"h": 1}, session=session, batch_size=SLOTS * len(by_hash) + 1):
        found[by_hash[one["_id"][:HASH_BYTES]]][one["h"]] = one["_id"][HASH_BYTES]
    return found


def read_bases(
    local: Database[Any], contents: Mapping[DocumentKey, bytes], session: ClientSession | None = None
) -> dict[DocumentKey, bytes]:
    """The documents with these content hashes, as far as they are kept."""
    by_hash = {key_hash(key): key for key in contents}
    query = {"_id": {"$in": _ids(by_hash)}, "h": {"$in": list(set(contents.values()))}}
    found = {}
    for one in local[BASES].find(query, {"h": 1, "d": 1}, session=session):
        key = by_hash[one["_id"][:HASH_BYTES]]
        if contents[key] == one["h"]:
            found[key] = bytes(one["d"])
    return found


def write_bases(local: Database[Any], changes: Iterable[BaseChange], session: ClientSession) -> None:
    """Keep what is wanted of each key, in the transaction that writes its state: a slot that is not wanted is overwritten,
    and removed if nothing is wanted any more."""
    inserts, updates, gone = [], [], []
    for key, kept, wanted in changes:
        own = key_hash(key)
        used = {slot for content, slot in kept.items() if content in wanted}
        free = [slot for slot in range(SLOTS) if slot not in used]
        there = set(kept.values())
        free.sort(key=lambda slot: slot not in there)  # an update before an insert
        for content, document in wanted.items():
            if content in kept or document is None or len(document) > LARGEST:
                continue
            slot = free.pop(0)
            record = {"_id": own + bytes([slot]), "c": key.collection, "h": content, "d": document}
            raw = wrap(elements_of(record))
            if slot in there:
                query = wrap(elements_of({"_id": record["_id"]}))
                updates.append(write_commands.statement(query, raw))
            else:
                inserts.append(RawBSONDocument(raw))
        if not wanted:
            gone += [own + bytes([slot]) for slot in there]
    if gone:
        write_commands.delete(local[BASES], {"_id": {"$in": gone}}, session)
    write_commands.update(local[BASES], updates, session)
    write_commands.insert(local[BASES], inserts, session)


def forget_bases(local: Database[Any], keys: Iterable[DocumentKey]) -> None:
    """Equal contents of both sides are an agreement for these keys, however they came about. Raises PyMongoError."""
    local[BASES].delete_many({"_id": {"$in": _ids(map(key_hash, keys))}})


def sweep_bases(local: Database[Any], keeps: Callable[[str], bool]) -> int:
    """Remove those of collections that keep none any more. Returns how many. Raises PyMongoError."""
    names = [name for name in local[BASES].distinct("c") if not keeps(name)]
    return sum(local[BASES].delete_many({"c": name}).deleted_count for name in names)


def ensure_indexes(local: Database[Any]) -> None:
    local[BASES].create_index("c")


def _ids(hashes: Iterable[bytes]) -> list[bytes]:
    return [one + bytes([slot]) for one in hashes for slot in range(SLOTS)]
