"""A merge is a rebase: interrupted anywhere, overtaken, or under rules that come and go, changes count once each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import bson
import pytest

from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.policy import Policy, Resolvers, Travel
from syncapp.core.values import BOTH, Outcome, Side, UnknownTime
from syncapp.store.bases import forget_bases, sweep_bases
from syncapp.store.names import BASES, STATE
from tests.property.test_field_merge import FIRST, MERGES, RULE, Databases, Shop
from tests.property.world import Device

LOCAL, ATLAS = 0, 1
POINTS = (
    "states read", "atlas read", "local read", "verdict made", "local committed", "atlas read again", "atlas committed",
    "push recorded",
)  # fmt: skip
LAST_WRITE = Policy()


@pytest.fixture
def shop(databases: Databases, exact_times: None) -> Iterator[Shop]:
    shop = Shop.open(databases, devices=1)
    shop.world.settle()
    yield shop
    shop.world.close()


def place(shop: Shop, side: int) -> Any:
    """Of Atlas, an index behind all devices."""
    return (shop.world.devices[0].local, shop.world.atlas)[side][shop.world.collection]


def sell(shop: Shop, side: int, count: int = 1) -> None:
    place(shop, side).update_one({"_id": 1}, {"$inc": {"stock": -count}})
    shop.sold[1, "stock"] -= count


def read_all(device: Device) -> None:
    for side in BOTH:
        while device.read(side):
            pass


def hold_at(shop: Shop, point: str) -> None:
    """A task has come to this point, and has not gone on yet."""
    (device,) = shop.world.devices
    for _ in range(10):
        read_all(device)
        assert device.hand_out(shop.world.policy, 10)
        while (at := device.tasks[-1][1].step()) is not None:
            if at == point:
                return
        device.end_task(0, report=True)  # the streams had not been read past the contents
    raise AssertionError(f"no task came to {point}")


def end(shop: Shop) -> list[Outcome]:
    (device,) = shop.world.devices
    for _, task in device.tasks:
        task.finish()
    device.dirty.give_up(device.dirty.task_ids())
    device.tasks.clear()
    shop.world.settle()
    return [one for _, outcomes in device.ended for one in outcomes]


def stocks(shop: Shop) -> list[int]:
    return [place(shop, side).find_one({"_id": 1})["stock"] for side in (LOCAL, ATLAS)]


def test_different_fields_survive_and_it_is_no_conflict(shop: Shop) -> None:
    place(shop, LOCAL).update_one({"_id": 1}, {"$set": {"a": "here"}})
    place(shop, ATLAS).update_one({"_id": 1}, {"$set": {"b": "there"}})
    (merged,) = (one for one in end(shop) if one.merged)
    assert not merged.conflict
    assert merged.because.startswith("field-merge: the local version of ")
    assert not shop.records()
    documents = [place(shop, side).find_one({"_id": 1}) for side in (LOCAL, ATLAS)]
    assert documents[0] == documents[1]
    assert (documents[0]["a"], documents[0]["b"]) == ("here", "there")


@pytest.mark.parametrize("first", [LOCAL, ATLAS])
def test_one_field_goes_by_last_write_and_the_record_has_the_other_value(shop: Shop, first: int) -> None:
    place(shop, first).update_one({"_id": 1}, {"$set": {"deep.a": "earlier", "a": "kept"}})
    place(shop, 1 - first).update_one({"_id": 1}, {"$set": {"deep.a": "later"}})
    outcomes = [one for one in end(shop) if one.conflict]
    (record,) = shop.records()
    assert [one.merged for one in outcomes] == [True]
    assert (record.fields, record.merged, record.winner) == (("deep.a",), True, BOTH[1 - first])
    assert bson.decode(record.base or b"")["deep"]["a"] == "first"
    document = place(shop, ATLAS).find_one({"_id": 1})
    assert (document["deep"]["a"], document["a"]) == ("later", "kept")


def test_equal_sales_count_twice(shop: Shop) -> None:
    sell(shop, LOCAL)
    sell(shop, ATLAS)
    end(shop)
    assert stocks(shop) == [FIRST - 2] * 2


@pytest.mark.parametrize("point", POINTS)
def test_a_merge_that_dies_anywhere_is_made_once(shop: Shop, point: str) -> None:
    sell(shop, LOCAL)
    sell(shop, ATLAS, 2)
    hold_at(shop, point)
    (device,) = shop.world.devices
    device.tasks[-1][1].crash(holding=False)
    end(shop)
    assert stocks(shop) == [FIRST - 3] * 2


@pytest.mark.parametrize("side", [LOCAL, ATLAS])
@pytest.mark.parametrize("point", POINTS)
def test_a_merge_that_is_overtaken_anywhere_is_made_again(shop: Shop, point: str, side: int) -> None:
    sell(shop, LOCAL)
    sell(shop, ATLAS, 2)
    hold_at(shop, point)
    sell(shop, side)
    end(shop)
    assert stocks(shop) == [FIRST - 4] * 2


@pytest.mark.parametrize("point", ["local committed", "atlas committed"])
def test_the_push_of_a_sale_that_dies_is_no_second_sale(shop: Shop, point: str) -> None:
    sell(shop, LOCAL)
    hold_at(shop, point)
    (device,) = shop.world.devices
    device.tasks[-1][1].crash(holding=False)
    end(shop)
    assert stocks(shop) == [FIRST - 1] * 2


@pytest.mark.parametrize("point", ["local committed", "atlas committed"])
def test_the_base_is_not_what_was_pushed_before_it_has_landed(shop: Shop, point: str) -> None:
    sell(shop, LOCAL)
    hold_at(shop, point)
    (device,) = shop.world.devices
    device.tasks[-1][1].crash(holding=False)
    sell(shop, LOCAL)
    sell(shop, ATLAS)
    end(shop)
    assert stocks(shop) == [FIRST - 3] * 2


def test_what_another_device_reads_is_as_late_as_the_later_of_both(shop: Shop) -> None:
    place(shop, LOCAL).update_one({"_id": 1}, {"$set": {"a": "here"}})
    place(shop, ATLAS).update_one({"_id": 1}, {"$set": {"b": "there"}})
    (device,) = shop.world.devices
    end(shop)
    changed = {side: change.fact for side, change in device.changes if change.fact is not None}
    at, own = changed[Side.ATLAS].time, device.instance_id
    markers = list(shop.world.atlas["_sync_batches"].find({"origin": own, "c": shop.world.collection}))
    (entry,) = markers[-1]["docs"]
    assert (round(entry["t"].timestamp() * 1000), entry.get("o", own)) == (at, own)


def test_without_base_the_later_version_counts_and_the_record_says_so(shop: Shop) -> None:
    place(shop, LOCAL).update_one({"_id": 1}, {"$set": {"a": "here"}})
    place(shop, ATLAS).update_one({"_id": 1}, {"$set": {"b": "there"}})
    shop.world.devices[0].local[BASES].delete_many({})
    end(shop)
    (record,) = shop.records()
    assert (record.fields, record.strategy, record.base) == (("a", "b"), "field-merge (no base)", None)
    assert "without base" in record.because
    assert place(shop, LOCAL).find_one({"_id": 1})["a"] == "first"


@pytest.mark.parametrize("deleted", [LOCAL, ATLAS])
def test_an_edit_and_a_delete_go_by_last_write_with_both_in_the_record(shop: Shop, deleted: int) -> None:
    place(shop, deleted).delete_one({"_id": 1})
    sell(shop, 1 - deleted)
    end(shop)
    (record,) = shop.records()
    assert (record.winner, record.merged) == (BOTH[1 - deleted], False)
    assert record.versions[BOTH[deleted]] is None
    assert stocks(shop) == [FIRST - 1] * 2


def test_of_a_deleted_document_no_base_is_left(shop: Shop) -> None:
    (device,) = shop.world.devices
    query = {"c": shop.world.collection}
    assert device.local[BASES].count_documents(query) == 2
    sell(shop, LOCAL)
    end(shop)
    assert device.local[BASES].count_documents(query) == 3, "beside the base in force, what the push makes it"
    for side in (LOCAL, ATLAS):
        place(shop, side).delete_one({"_id": 1})
    place(shop, ATLAS).delete_one({"_id": 2})
    end(shop)
    assert device.local[BASES].count_documents(query) == 0


def test_the_rule_goes_and_comes_while_documents_are_on_their_way(shop: Shop) -> None:
    """A base that is older than what was agreed on since does not count."""
    sell(shop, LOCAL)
    hold_at(shop, "local committed")
    shop.world.policy = LAST_WRITE
    end(shop)
    sell(shop, ATLAS)
    end(shop)  # pulled without a base
    shop.world.policy = MERGES
    place(shop, LOCAL).update_one({"_id": 1}, {"$set": {"a": "here"}})
    place(shop, ATLAS).update_one({"_id": 1}, {"$set": {"b": "there"}})
    end(shop)
    (record,) = shop.records()
    assert record.strategy == "field-merge (no base)"
    assert stocks(shop) == [FIRST - 2] * 2
    place(shop, LOCAL).update_one({"_id": 1}, {"$set": {"deep.a": "here"}})
    place(shop, ATLAS).update_one({"_id": 1}, {"$set": {"deep.b": "there"}})
    end(shop)
    assert len(shop.records()) == 1, "from then on it has a base"
    assert place(shop, LOCAL).find_one({"_id": 1})["deep"] == {"a": "here", "b": "there", "stock": FIRST}


def test_bases_of_a_collection_without_the_rule_are_removed(shop: Shop) -> None:
    (device,) = shop.world.devices
    device.local[BASES].insert_one({"_id": b"x" * 17, "c": "other"})
    assert sweep_bases(device.local, lambda name: name != "other") == 1
    assert device.local[BASES].count_documents({"c": shop.world.collection}) == 2


def test_what_a_person_has_made_equal_is_no_change_of_both(shop: Shop) -> None:
    sell(shop, LOCAL)
    place(shop, ATLAS).update_one({"_id": 1}, {"$inc": {"stock": -1}})
    (device,) = shop.world.devices
    read_all(device)
    forget_bases(device.local, [change.key for _, change in device.changes])
    end(shop)
    assert stocks(shop) == [FIRST - 1] * 2


def test_without_the_rule_no_base_is_kept(shop: Shop) -> None:
    (device,) = shop.world.devices
    shop.world.policy = Policy(rule=RULE)
    place(shop, LOCAL).insert_one({"_id": 3})
    end(shop)
    assert device.local[STATE].count_documents({"c": shop.world.collection}) == 3
    assert device.local[BASES].count_documents({"c": shop.world.collection}) == 2


def test_times_that_nobody_knows_are_asked_for_only_where_both_sides_changed_the_same(shop: Shop) -> None:
    """As after lost history: the listener starts at a point behind the changes, and a comparison finds the key."""
    (device,) = shop.world.devices
    sell(shop, LOCAL)
    sell(shop, ATLAS, 2)
    read_all(device)
    keys = {change.key for _, change in device.changes if change.key.id_bson == bson.encode({"_id": 1})}
    device.saved.clear()
    device.open()
    device.dirty._map.mark(keys.pop(), Side.LOCAL, None)
    shop.world.policy = Policy("field-merge", unknown_time=UnknownTime.MANUAL, rule=RULE)
    end(shop)
    assert stocks(shop) == [FIRST - 3] * 2
    assert not shop.records()


def with_resolver(name: str) -> Policy:
    rule = CollectionRule(strategy="callable", resolver=f"tests.support.resolvers.{name}")
    return Policy("callable", rule=rule, resolvers=Resolvers(("tests.support.resolvers",), 5.0))


def test_a_function_of_the_operators_makes_what_both_sides_become(shop: Shop) -> None:
    shop.world.policy = with_resolver("both")
    place(shop, LOCAL).update_one({"_id": 1}, {"$set": {"here": 1}})
    place(shop, ATLAS).update_one({"_id": 1}, {"$set": {"there": 1}})
    end(shop)
    documents = [place(shop, side).find_one({"_id": 1}) for side in (LOCAL, ATLAS)]
    assert documents[0] == documents[1]
    assert (documents[0]["here"], documents[0]["there"]) == (1, 1)
    (record,) = shop.records()
    assert (record.strategy, record.merged, record.base is None) == ("callable", True, False)


def test_one_that_fails_stops_nobody(shop: Shop) -> None:
    shop.world.policy = with_resolver("fails")
    for key in (1, 2):
        place(shop, LOCAL).update_one({"_id": key}, {"$set": {"a": "here"}})
        time.sleep(0.002)
        place(shop, ATLAS).update_one({"_id": key}, {"$set": {"a": "there"}})
    end(shop)
    assert {record.strategy for record in shop.records()} == {"callable failed: last-write-wins"}
    assert [one["a"] for one in place(shop, LOCAL).find()] == ["there", "there"]


def test_where_one_side_wins_in_any_case_the_record_has_the_base_too(shop: Shop) -> None:
    """It is not asked for to decide; but who has changed what is to be seen from it."""
    here = {Side.LOCAL: Travel.ALLOWED, Side.ATLAS: Travel.NEVER}
    shop.world.policy = Policy("field-merge", here, rule=RULE)
    for key in (1, 2):
        place(shop, LOCAL).update_one({"_id": key}, {"$set": {"a": "here"}})
        place(shop, ATLAS).update_one({"_id": key}, {"$set": {"b": "there"}})
    end(shop)
    records = shop.records()
    assert {record.one_way for record in records} == {True}
    assert [bson.decode(record.base or b"")["a"] for record in records] == ["first", "first"]
    assert {bson.decode(record.base or b"")["_id"] for record in records} == {1, 2}
