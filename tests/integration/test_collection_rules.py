"""Rules of a collection on a device at work: they act without a restart, and what they keep apart is intended."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from typing import Any

import pytest

from syncapp.store.halts import load_halts
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually

PURGED = 5_000


def rule(device: Device, pattern: str, **parts: Any) -> None:
    """Lay down a rule, instead of the one for this pattern."""
    device.console.run(
        "from syncapp.models import CollectionRule\n"
        "from syncapp.rules.switches import raise_version\n"
        f"document = {dict(parts, pattern=pattern)!r}\n"
        f"CollectionRule.objects.update_or_create(pattern={pattern!r}, defaults={{'document': document}})\n"
        "raise_version()"
    )


def ids(collection: Any) -> set[Any]:
    return {one["_id"] for one in collection.find({}, {"_id": 1})}


def verified(device: Device, name: str) -> dict[str, Any]:
    done = device.manage("sync_verify", "--json", "--collection", name, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_direction_acts_and_goes_without_a_restart(device: Device) -> None:
    name = "one_way"
    here, there = device.local[name], device.atlas[name]
    device.local[name].insert_many([{"_id": n, "v": 1} for n in range(300)])
    device.wait_until_equal()
    rule(device, name, direction="localToAtlas")
    here.update_one({"_id": 1}, {"$set": {"v": 2}})
    eventually(lambda: there.find_one({"_id": 1, "v": 2}), "this side's versions go on")
    device.wait_until_idle()
    there.delete_many({"_id": {"$gte": 10}})
    there.insert_one({"_id": "of that side"})
    there.update_one({"_id": 2}, {"$set": {"v": 3}})
    device.wait_until_idle()
    assert len(ids(here)) == 300, "nothing is transferred from there"
    found = verified(device, name)
    assert (found["different"], found["asAgreed"]) == (0, 292)
    there.drop()
    device.wait_until_idle()
    assert load_halts(device.local) == (), "neither the deletes nor the drop concern this side"

    there.insert_one({"_id": "again"})
    device.wait_until_idle()
    rule(device, name, direction="both")
    eventually(lambda: here.find_one({"_id": "again"}), "it is transferred as soon as it may be")
    eventually(lambda: not ids(here) - {"again"}, "so are the deletes")


def test_a_purge_under_deletes_that_do_not_go_up(device: Device) -> None:
    """Atlas keeps the orders, nothing comes back, verify takes it for intended, and the breaker does not trip."""
    rule(device, "orders", deletes={"localToAtlas": False})
    local, atlas = device.local["orders"], device.atlas["orders"]
    local.insert_many([{"_id": n, "v": 1} for n in range(PURGED + 500)])
    device.wait_until_equal(without=["one_way"])
    device.wait_until_idle()
    local.delete_many({"_id": {"$lt": PURGED}})
    device.wait_until_idle()
    check_purged(device)

    device.stop("listener")
    device.launch("listener")
    device.wait_until_ready()
    device.console.exclude("orders")
    device.wait_until_idle()
    device.console.include("orders")
    run = {"collections": "orders", "state": "done"}
    eventually(lambda: device.local["_sync_runs"].find_one(run), "it was compared", 30)
    device.wait_until_idle()
    check_purged(device)
    found = verified(device, "orders")
    assert (found["different"], found["equal"], found["asAgreed"]) == (0, 500, PURGED)

    atlas.update_one({"_id": 1}, {"$set": {"v": 2}})
    local.insert_one({"_id": 2, "v": 3})
    eventually(lambda: local.find_one({"_id": 1, "v": 2}), "an edit of the side that kept it brings it back")
    eventually(lambda: atlas.find_one({"_id": 2, "v": 3}), "a new one replaces what was kept")
    atlas.delete_one({"_id": PURGED + 1})
    eventually(
        lambda: local.find_one({"_id": PURGED + 1}) is None, "deletes of the other side are transferred"
    )

    local.drop()
    device.wait_until_idle()
    assert load_halts(device.local) == ()
    assert local.count_documents({}) == 0
    assert atlas.count_documents({}) == PURGED + 499
    found = verified(device, "orders")
    assert (found["different"], found["asAgreed"]) == (0, PURGED + 499)


def check_purged(device: Device) -> None:
    assert device.local["orders"].count_documents({}) == 500, "nothing comes back"
    assert device.atlas["orders"].count_documents({}) == PURGED + 500, "Atlas keeps them"
    assert load_halts(device.local) == ()


@pytest.fixture
def shops(make_device: MakeDevice) -> list[Device]:
    """Two devices on one Atlas."""
    atlas_name = f"shops_{uuid.uuid4().hex[:8]}"
    devices = [make_device(atlas_name=atlas_name) for _ in "ab"]
    for device, shop in zip(devices, "ab", strict=True):
        device.start()
        rule(device, "stock", filter={"shop": shop})
    return devices


def test_each_shop_holds_its_own(shops: list[Device]) -> None:
    a, b = shops
    atlas, stock_a, stock_b = a.atlas["stock"], a.local["stock"], b.local["stock"]
    for device in shops:
        device.wait_until_idle()
    atlas.insert_many([{"_id": n, "shop": "abc"[n % 3], "v": 0} for n in range(3_000)])
    eventually(lambda: len(ids(stock_a)) == len(ids(stock_b)) == 1_000, "each holds its own", timeout=60)
    for device, shop in zip(shops, "ab", strict=True):
        device.wait_until_idle()
        assert set(device.local["stock"].distinct("shop")) == {shop}
        assert device.local["_sync_state"].count_documents({"c": "stock"}) == 1_000, "nothing of foreign ones"
    found = verified(a, "stock")
    assert (found["equal"], found["different"]) == (1_000, 0)

    atlas.update_one({"_id": 0}, {"$set": {"shop": "b"}})
    stock_a.update_one({"_id": 3}, {"$set": {"shop": "b"}})
    eventually(lambda: {0, 3} <= ids(stock_b), "they come there")
    eventually(lambda: not {0, 3} & ids(stock_a), "and leave here")
    atlas.delete_many({"shop": "c"})
    atlas.delete_many({"shop": "b", "_id": {"$gte": 300}})
    eventually(lambda: load_halts(b.local), "the shop whose documents go is asked")
    assert load_halts(a.local) == (), "others' deletes concern nobody"


def test_a_filter_is_changed_under_writes(device: Device) -> None:
    rule(device, "moving", filter={"shop": "a"})
    local, atlas = device.local["moving"], device.atlas["moving"]
    stop = threading.Event()
    rng = random.Random(1)

    def write() -> None:
        while not stop.is_set():
            side, key = rng.choice((local, atlas)), rng.randrange(400)
            change = {"$set": {"v": rng.random(), "shop": rng.choice("ab")}}
            if side is atlas:
                side.update_one({"_id": key}, change, upsert=True)
            else:
                side.update_one({"_id": key}, change)
            time.sleep(0.002)  # some 300 a second: the machine has other tests to run

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for shop in "baba":
            eventually(
                lambda: not device.local["_sync_runs"].count_documents({"state": "running"}), "it is compared"
            )
            rule(device, "moving", filter={"shop": shop})
            eventually(
                lambda shop=shop: local.count_documents({"shop": shop}) > 20, "what matches comes", timeout=60
            )
    finally:
        stop.set()
        writer.join()

    def settled() -> bool:
        matching = {one["_id"]: one for one in atlas.find({"shop": "a"})}
        return matching == {one["_id"]: one for one in local.find()}

    eventually(settled, "it holds what matches", timeout=60)
    device.wait_until_idle(60)
    assert settled()
    assert verified(device, "moving")["different"] == 0
