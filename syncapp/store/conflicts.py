"""Conflict records in the local `_sync_conflicts`, written in the transaction that decides.

A head with batch id and key as `_id`, {_id, head: true, at, c: collection, key: {_id}, strategy, winner: side or "open",
oneWay, merged, fields: [paths], parts: {side or "base": number}, size: bytes of all versions, facts: {side: {t: date, o: origin}}, copied}, and each version in documents of its own, in
parts, so that two versions of 16 MB fit: {_id: "<head>:<side>:<part>", at, bytes}. Workers write them; whoever copies
them to Django's database sets `copied`, and removes them after their keep time. The parts of large versions are
written before the transaction ends, outside it: without a head they mean nothing, and are removed after a day.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from bson import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.content import key_hash
from syncapp.core.strategy import Verdict
from syncapp.core.values import DocumentKey, Fact, Side
from syncapp.store.names import CONFLICTS

PART_BYTES = 8_000_000
# Of versions in one transaction, which writes the documents too. A server with the smallest cache there is, 256 MB,
# refuses a transaction of 48 MB (codes 112 and 388), however often it is tried
TOGETHER_BYTES = 8_000_000
HEADLESS = dt.timedelta(days=1)  # longer than any transaction lives, also if a clock is set meanwhile
READ_BYTES = 32_000_000  # of versions at once
OPEN = "open"  # instead of a winner
BASE = "base"  # beside the sides
Part = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """Both versions in full (None: absent), the facts that were compared, who won, and why."""

    record_id: str
    collection: str
    id_bson: bytes
    at: dt.datetime
    strategy: str
    winner: Side | None  # None: it needs manual resolution
    one_way: bool
    versions: dict[Side, bytes | None]
    facts: dict[Side, tuple[int | None, str]]  # (time in milliseconds, origin)
    because: str = ""  # empty: it was made by a version that did not say
    base: bytes | None = None  # what both were made from; None: not kept
    merged: bool = False  # the winner's version counts in these fields only
    fields: tuple[str, ...] = ()


def record_id(batch_id: str, key: DocumentKey) -> str:
    return f"{batch_id}:{key_hash(key).hex()}"


def open_record_id(key: DocumentKey, local: bytes, atlas: bytes) -> str:
    """For a conflict that needs manual resolution: the same contents are one conflict, however often they are
    processed. `local` and `atlas`: content hashes."""
    return f"open:{key_hash(key).hex()}:{blake2b(local + atlas, digest_size=16).hexdigest()}"


def write_records(
    local: Database[Any], records: Iterable[ConflictRecord], session: ClientSession
) -> frozenset[str]:
    """Insert records. Returns the ids of existing ones: open conflicts, processed again.

    Versions of more than `TOGETHER_BYTES` are durable before the transaction is.
    """
    new = {record.record_id: record for record in records}
    waiting = [name for name, record in new.items() if record.winner is None]
    there: frozenset[str] = frozenset()
    if waiting:
        query = {"_id": {"$in": waiting}}
        there = frozenset(one["_id"] for one in local[CONFLICTS].find(query, {"_id": 1}, session=session))
    fresh = [record for name, record in new.items() if name not in there]
    heads = [_head(record) for record in fresh]
    parts = [_write(record, part) for record in fresh for part in _parts(record)]
    if sum(head["size"] for head in heads) > TOGETHER_BYTES:
        local[CONFLICTS].bulk_write(parts)
        parts = []
    if heads:
        local[CONFLICTS].bulk_write([*parts, *map(InsertOne, heads)], session=session)
    return there


def _write(record: ConflictRecord, part: dict[str, Any]) -> Part:
    if record.winner is None:  # one whose transaction did not commit has left parts of the same name
        return ReplaceOne({"_id": part["_id"]}, part, upsert=True)
    return InsertOne(part)


def new_record(
    name: str,
    key: DocumentKey,
    verdict: Verdict,
    *,
    at: dt.datetime,
    one_way: bool,
    versions: dict[Side, bytes | None],
    facts: dict[Side, Fact | None],
) -> ConflictRecord:
    """`name`: its id, of `record_id` or `open_record_id`."""
    compared = {side: (fact.time, fact.origin) if fact else (None, "") for side, fact in facts.items()}
    return ConflictRecord(
        name,
        key.collection,
        key.id_bson,
        at,
        verdict.rule,
        verdict.winner,
        one_way,
        versions,
        compared,
        verdict.because,
        verdict.base,
        verdict.document is not None,
        verdict.fields,
    )


def _versions(record: ConflictRecord) -> dict[str, bytes]:
    versions = {**{side.value: one for side, one in record.versions.items()}, BASE: record.base}
    return {name: version for name, version in versions.items() if version is not None}


def _parts(record: ConflictRecord) -> Iterator[dict[str, Any]]:
    for name, version in _versions(record).items():
        for number, start in enumerate(range(0, len(version), PART_BYTES)):
            yield {
                "_id": f"{record.record_id}:{name}:{number}",
                "at": record.at,
                "bytes": version[start : start + PART_BYTES],
            }


def _head(record: ConflictRecord) -> dict[str, Any]:
    return {
        "_id": record.record_id,
        "head": True,
        "at": record.at,
        "c": record.collection,
        "key": RawBSONDocument(record.id_bson),
        "strategy": record.strategy,
        "because": record.because,
        "winner": record.winner.value if record.winner else OPEN,
        "oneWay": record.one_way,
        "merged": record.merged,
        "fields": list(record.fields),
        "parts": {name: -(-len(version) // PART_BYTES) for name, version in _versions(record).items()},
        "size": sum(map(len, _versions(record).values())),
        "facts": {
            side.value: {"t": None if time is None else DatetimeMS(time), "o": origin}
            for side, (time, origin) in record.facts.items()
        },
        "copied": False,
    }


def read_uncopied(local: Database[Any], limit: int = 100) -> list[ConflictRecord]:
    """Records that are not copied to Django yet, oldest first: the first one, and others up to `READ_BYTES`."""
    raw = local[CONFLICTS].with_options(
        codec_options=local.codec_options.with_options(document_class=RawBSONDocument)
    )
    heads = list(raw.find({"head": True, "copied": False}).sort("at", 1).limit(limit))
    sizes = itertools.accumulate(head.get("size", 0) for head in heads)
    heads = [
        head
        for place, (head, size) in enumerate(zip(heads, sizes, strict=True))
        if not place or size <= READ_BYTES
    ]
    names = [name for head in heads for version in (*Side, BASE) for name in _part_names(head, version)]
    parts = {one["_id"]: one["bytes"] for one in local[CONFLICTS].find({"_id": {"$in": names}})}
    return [_load(head, parts) for head in heads]


def _part_names(head: RawBSONDocument, version: str) -> list[str]:
    return [f"{head['_id']}:{version}:{number}" for number in range(head["parts"].get(str(version), 0))]


def _joined(names: Iterable[str], parts: Mapping[str, bytes]) -> bytes | None:
    return b"".join(parts[name] for name in names) or None


def _load(head: RawBSONDocument, parts: dict[str, bytes]) -> ConflictRecord:
    versions: dict[Side, bytes | None] = {}
    facts: dict[Side, tuple[int | None, str]] = {}
    for side in Side:
        fact = head["facts"][side.value]
        facts[side] = (None if fact["t"] is None else int(DatetimeMS(fact["t"])), fact["o"])
        versions[side] = _joined(_part_names(head, side), parts)
    return ConflictRecord(
        head["_id"], head["c"], head["key"].raw, head["at"], head["strategy"],
        None if head["winner"] == OPEN else Side(head["winner"]), head["oneWay"], versions, facts,
        head.get("because", ""), _joined(_part_names(head, BASE), parts), head.get("merged", False),
        tuple(head.get("fields", ())),
    )  # fmt: skip


def mark_copied(local: Database[Any], record_ids: Iterable[str]) -> None:
    local[CONFLICTS].update_many({"_id": {"$in": list(record_ids)}}, {"$set": {"copied": True}})


def forget_copied(local: Database[Any], before: dt.datetime) -> int:
    """Remove copied records that are older than `before`, and their versions. Returns how many. Versions without a
    record go too."""
    old = [
        one["_id"]
        for one in local[CONFLICTS].find({"head": True, "copied": True, "at": {"$lt": before}}, {"_id": 1})
    ]
    _forget(local, old)
    _forget(local, _headless(local, max(before, dt.datetime.now(dt.UTC) - HEADLESS)))
    return len(old)


def _headless(local: Database[Any], before: dt.datetime) -> set[str]:
    """Of transactions that did not commit: the ids of heads that are not there, but parts are."""
    parts = local[CONFLICTS].find({"copied": None, "at": {"$lt": before}}, {"_id": 1})
    names = {one["_id"].rsplit(":", 2)[0] for one in parts}
    return names - set(local[CONFLICTS].distinct("_id", {"_id": {"$in": list(names)}}))


def forget_collections(local: Database[Any], names: Iterable[str]) -> None:
    """Remove the records of these collections, and their versions. Raises PyMongoError."""
    query = {"head": True, "c": {"$in": list(names)}}
    _forget(local, [one["_id"] for one in local[CONFLICTS].find(query, {"_id": 1})])


def _forget(local: Database[Any], heads: Iterable[str]) -> None:
    for name in heads:
        # The versions' ids start with the head's; ";" is the character after ":"
        local[CONFLICTS].delete_many({"_id": {"$gte": name, "$lt": f"{name};"}})


def ensure_indexes(local: Database[Any]) -> None:
    local[CONFLICTS].create_index([("copied", 1), ("at", 1)])
