"""Conflict records in the local `_sync_conflicts`, written in the transaction that decides.

A head with batch id and key as `_id`, {_id, head: true, at, c: collection, key: {_id}, strategy, winner: side or "open",
oneWay, merged, fields: [paths], parts: {side or "base": number}, facts: {side: {t: date, o: origin}}, copied}, and each version in documents of its own, in
parts, so that two versions of 16 MB fit: {_id: "<head>:<side>:<part>", at, bytes}. Workers write them; whoever copies
them to Django's database sets `copied`, and removes them after their keep time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from bson import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.content import key_hash
from syncapp.core.strategy import Verdict
from syncapp.core.values import DocumentKey, Fact, Side
from syncapp.store.names import CONFLICTS

PART_BYTES = 8_000_000
OPEN = "open"  # instead of a winner
BASE = "base"  # beside the sides


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
    """Insert records. Returns the ids of existing ones: open conflicts, processed again."""
    new = {record.record_id: record for record in records}
    waiting = [name for name, record in new.items() if record.winner is None]
    there: frozenset[str] = frozenset()
    if waiting:
        query = {"_id": {"$in": waiting}}
        there = frozenset(one["_id"] for one in local[CONFLICTS].find(query, {"_id": 1}, session=session))
    documents = [
        document for name, record in new.items() if name not in there for document in _documents(record)
    ]
    if documents:
        local[CONFLICTS].insert_many(documents, session=session)
    return there


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


def _documents(record: ConflictRecord) -> Iterator[dict[str, Any]]:
    parts = {}
    for name, version in {
        **{side.value: one for side, one in record.versions.items()},
        BASE: record.base,
    }.items():
        if version is None:
            continue
        starts = range(0, len(version), PART_BYTES)
        parts[name] = len(starts)
        for number, start in enumerate(starts):
            yield {
                "_id": f"{record.record_id}:{name}:{number}",
                "at": record.at,
                "bytes": version[start : start + PART_BYTES],
            }
    yield {
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
        "parts": parts,
        "facts": {
            side.value: {"t": None if time is None else DatetimeMS(time), "o": origin}
            for side, (time, origin) in record.facts.items()
        },
        "copied": False,
    }


def read_uncopied(local: Database[Any], limit: int = 100) -> list[ConflictRecord]:
    """Records that are not copied to Django yet, oldest first."""
    raw = local[CONFLICTS].with_options(
        codec_options=local.codec_options.with_options(document_class=RawBSONDocument)
    )
    heads = list(raw.find({"head": True, "copied": False}).sort("at", 1).limit(limit))
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
    """Remove copied records that are older than `before`, and their versions. Returns how many."""
    old = [
        one["_id"]
        for one in local[CONFLICTS].find({"head": True, "copied": True, "at": {"$lt": before}}, {"_id": 1})
    ]
    _forget(local, old)
    return len(old)


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
