"""The record of a conflict that needs manual resolution: one for the same contents, however often it is looked at."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.core.content import content_hash, document_key
from syncapp.core.strategy import Verdict
from syncapp.core.values import Side
from syncapp.mongo.transaction import aborted_transaction, transaction
from syncapp.store.conflicts import (
    READ_BYTES,
    TOGETHER_BYTES,
    ConflictRecord,
    ensure_indexes,
    forget_copied,
    mark_copied,
    new_record,
    open_record_id,
    read_uncopied,
    write_records,
)
from syncapp.store.names import CONFLICTS

KEY = document_key("orders", bson.encode({"_id": 1}))
HERE, THERE = bson.encode({"_id": 1, "v": "here"}), bson.encode({"_id": 1, "v": "there"})


def record(local: bytes | None = HERE, atlas: bytes | None = THERE) -> ConflictRecord:
    return new_record(
        open_record_id(KEY, content_hash(local), content_hash(atlas)), KEY, Verdict(None, "manual", "an operator decides"),
        at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), one_way=False,
        versions={Side.LOCAL: local, Side.ATLAS: atlas}, facts={Side.LOCAL: None, Side.ATLAS: None},
    )  # fmt: skip


def write(local: Database[Any], *records: ConflictRecord) -> frozenset[str]:
    with transaction(local) as session:
        return write_records(local, records, session)


def test_looking_again_writes_nothing_and_is_told_apart(local_db: Database[Any]) -> None:
    first, other = record(), record(local=None)
    assert write(local_db, first) == frozenset()
    (read,) = read_uncopied(local_db)
    assert (read.record_id, read.winner, read.versions) == (first.record_id, None, first.versions)
    assert read.because == "an operator decides"
    mark_copied(local_db, [read.record_id])
    assert write(local_db, first, other) == {first.record_id}
    assert [one.record_id for one in read_uncopied(local_db)] == [other.record_id], "copied once"
    assert local_db[CONFLICTS].count_documents({"head": True}) == 2


def test_other_contents_or_sides_exchanged_are_another_conflict() -> None:
    names = {record(*versions).record_id for versions in ((HERE, THERE), (THERE, HERE), (None, THERE))}
    assert len(names) == 3
    assert max(map(len, names)) <= 100, "what the table's column holds"


def test_a_record_of_a_version_that_gave_no_reason_is_read(local_db: Database[Any]) -> None:
    write(local_db, record())
    local_db[CONFLICTS].update_one({"head": True}, {"$unset": {"because": ""}})
    (read,) = read_uncopied(local_db)
    assert (read.strategy, read.because) == ("manual", "")
    assert read.versions == {Side.LOCAL: HERE, Side.ATLAS: THERE}


@pytest.mark.parametrize("length", [1, TOGETHER_BYTES])
def test_what_a_transaction_left_that_did_not_commit_is_no_obstacle_and_goes(
    local_db: Database[Any], length: int
) -> None:
    ensure_indexes(local_db)  # or the transaction meets a collection that is younger than it
    large = record(bson.encode({"_id": 1, "v": "x" * TOGETHER_BYTES}))
    with aborted_transaction(local_db) as session:
        write_records(local_db, [large], session)
    assert local_db[CONFLICTS].count_documents({"head": None}) == 3, "they were written outside it"
    assert read_uncopied(local_db) == []
    small = replace(
        large, versions={Side.LOCAL: bson.encode({"_id": 1, "v": "y" * length}), Side.ATLAS: THERE}
    )
    write(local_db, small)
    (read,) = read_uncopied(local_db)
    assert read.versions == small.versions
    forget_copied(local_db, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert read_uncopied(local_db) == [read], "what has a head stays"
    local_db[CONFLICTS].delete_one({"head": True})
    forget_copied(local_db, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert not local_db[CONFLICTS].count_documents({})


def test_large_records_are_read_a_few_at_a_time(local_db: Database[Any]) -> None:
    ensure_indexes(local_db)
    version = bson.encode({"_id": 1, "v": "x" * (READ_BYTES // 3)})
    for number in range(5):
        write(local_db, replace(record(version), record_id=f"open:{number}"))
    names = []
    while found := read_uncopied(local_db):
        assert len(found) <= 2
        names += [one.record_id for one in found]
        mark_copied(local_db, names)
    assert sorted(names) == [f"open:{number}" for number in range(5)]
