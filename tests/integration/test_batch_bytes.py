"""Batches whose documents have more bytes than one transaction should write."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.bulk.start import prepare
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.engine.content import document_key
from syncapp.engine.decide import Policy
from syncapp.engine.values import BOTH, Batch, Ending, Fact, Side, WorkItem

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
