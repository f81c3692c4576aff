"""Two devices that were offline change one document: with field-merge both edits survive everywhere, and sales add up."""

from __future__ import annotations

import time
import uuid

import pytest

from syncapp.core.rule.collection_rule import CollectionRule
from tests.integration.conftest import MakeDevice

RULE = CollectionRule(pattern="goods", strategy="field-merge", numbers={"stock": "sum"})
NAME = {"_id": 1}


@pytest.mark.timeout(120)
def test_two_devices_change_different_fields_while_offline(make_device: MakeDevice) -> None:
    atlas_name = f"shared_{uuid.uuid4().hex[:12]}"
    first, second = devices = [make_device(atlas_name=atlas_name) for _ in range(2)]
    for one in devices:
        one.lay_down(RULE)
        one.launch("listener", "worker")
    for one in devices:
        one.wait_until_ready(60)
    document = {**NAME, "price": 10, "name": "tea", "stock": 10}
    for name in ("goods", "other"):
        first.atlas[name].insert_one(document)
    for one in devices:
        one.wait_until_equal(30)
        one.stop("listener")
    for name in ("goods", "other"):
        first.local[name].update_one(NAME, {"$set": {"price": 12}, "$inc": {"stock": -1}})
    time.sleep(0.05)
    for name in ("goods", "other"):
        second.local[name].update_one(NAME, {"$set": {"name": "green tea"}, "$inc": {"stock": -1}})
    for one in devices:
        one.launch("listener")
        one.wait_until_ready()
        one.wait_until_settled()
    for one in devices:
        one.wait_until_settled()
        # The sale was the same on both: counted twice
        assert one.local["goods"].find_one() == {**NAME, "price": 12, "name": "green tea", "stock": 8}
        assert one.local["other"].find_one() == {**NAME, "price": 10, "name": "green tea", "stock": 9}
    assert not [row for one in devices for row in one.conflicts("goods")]
    (conflict,) = (row for one in devices for row in one.conflicts("other"))
    assert (conflict["strategy"], conflict["winner"]) == ("last-write-wins", "local")
    (merged,) = second.rows("SELECT SUM(merged) FROM syncapp_metricminute")
    assert merged == (1,)
    assert first.local["_sync_bases"].distinct("c") == ["goods"]
