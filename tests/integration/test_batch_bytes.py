"""Batches whose documents have more bytes than one transaction should write."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.core.content import content_hash, document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Batch, Ending, Fact, Side, SyncState, WorkItem
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.mongo.transaction import transaction
from syncapp.store.prepare import prepare
from syncapp.store.states import write_states

COUNT, BYTES = 40, 1_000
READ = 1 << 63  # the streams have been read up to here


@pytest.mark.parametrize("source", BOTH)
@pytest.mark.parametrize("large", [{}, {0: 30_000}, {17: 30_000}, {38: 30_000, 39: 30_000}])
def test_all_of_them_are_transferred_in_smaller_ones(
    local_db: Database[Any], atlas_db: Database[Any], source: Side, large: dict[int, int]
) -> None:
    prepare(local_db, atlas_db, 24)
    databases = {Side.LOCAL: local_db, Side.ATLAS: atlas_db}
    databases[source]["shop"].insert_many(
        [{"_id": number, "text": "x" * large.get(number, BYTES)} for number in range(COUNT)]
    )
    reads: list[str] = []
    processor = ChangeProcessor(local_db, atlas_db, "device", max_bytes=10 * BYTES, at=reads.append)
    fact = Fact(1, 1, "device" if source is Side.LOCAL else "atlas")
    keys = [document_key("shop", bson.encode({"_id": number})) for number in range(COUNT)]
    items = tuple(WorkItem(key, {source: fact}) for key in keys)
    outcomes = processor.process(Batch("task", source, "shop", items, dict.fromkeys(BOTH, READ)), Policy())
    assert {one.key for one in outcomes} == set(keys)
    assert all(one.ending is Ending.DONE for one in outcomes)
    assert list(databases[source.other]["shop"].find().sort("_id")) == list(
        databases[source]["shop"].find().sort("_id")
    )
    assert COUNT * BYTES // (10 * BYTES) < reads.count("local committed") <= COUNT


def test_what_is_known_to_be_too_large_is_cut_before_it_is_read(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    prepare(local_db, atlas_db, 24)
    points: list[str] = []
    processor = ChangeProcessor(local_db, atlas_db, "device", max_bytes=10 * BYTES, at=points.append)

    def push(numbers: range, length: int) -> tuple[int, int]:
        """How often it looked at both sides, and how often it wrote."""
        points.clear()
        local_db["shop"].insert_many([{"_id": number, "text": "x" * length} for number in numbers])
        keys = [document_key("shop", bson.encode({"_id": number})) for number in numbers]
        items = tuple(WorkItem(key, {Side.LOCAL: Fact(1, 1, "device")}) for key in keys)
        outcomes = processor.process(
            Batch("task", Side.LOCAL, "shop", items, dict.fromkeys(BOTH, READ)), Policy()
        )
        assert [one.ending for one in outcomes] == [Ending.DONE] * len(numbers)
        return points.count("states read"), points.count("local committed")

    looks, writes = push(range(40), BYTES)
    assert looks > writes  # it was read to find that it is too much
    assert push(range(40, 80), BYTES) == (6, 6)
    # Small ones now: the first portion is as small as before, and tells the rest
    assert push(range(80, 120), 1) == (2, 2)
    assert push(range(120, 160), 1) == (1, 1)


def test_two_that_exchange_a_unique_value_are_written_though_they_are_too_many_bytes_together(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    prepare(local_db, atlas_db, 24)
    for database, values in ((atlas_db, "ab"), (local_db, "ba")):
        database["shop"].create_index("code", unique=True)
        documents = [{"_id": n, "code": code, "text": "x" * 8_000} for n, code in enumerate(values)]
        database["shop"].insert_many(documents)
    before = [
        {**one, "code": code} for one, code in zip(local_db["shop"].find().sort("_id"), "ab", strict=True)
    ]
    keys = [document_key("shop", bson.encode({"_id": number})) for number in range(2)]
    with transaction(local_db) as session:  # what both sides held before the exchange
        agreed = [content_hash(bson.encode(one)) for one in before]
        fresh = [(k, SyncState(), SyncState(c, c, None, 1)) for k, c in zip(keys, agreed, strict=True)]
        write_states(local_db, fresh, session)
    items = tuple(WorkItem(key, {Side.LOCAL: Fact(1, 1, "device")}) for key in keys)
    processor = ChangeProcessor(local_db, atlas_db, "device", max_bytes=10_000)
    processor.process(Batch("task", Side.LOCAL, "shop", items, dict.fromkeys(BOTH, READ)), Policy())
    assert [one["code"] for one in atlas_db["shop"].find().sort("_id")] == ["b", "a"]
