"""Rules of a collection on a device at work: they act without a restart, and what they keep apart is intended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncapp.core.values import Side
from syncapp.store.halts import load_halts
from tests.support.device import Device, databases
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


@pytest.mark.parametrize("side", list(Side))
def test_a_direction_acts_and_goes_without_a_restart(device: Device, side: Side) -> None:
    name = f"one_way_{side}"
    here, there = databases(device)[side][name], databases(device)[side.other][name]
    device.local[name].insert_many([{"_id": n, "v": 1} for n in range(300)])
    device.wait_until_settled(without=["kept"])
    direction = {Side.LOCAL: "localToAtlas", Side.ATLAS: "atlasToLocal"}[side]
    rule(device, name, direction=direction)
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
    device.wait_until_equal(without=["one_way_local", "one_way_atlas"])
    device.wait_until_idle()
    local.delete_many({"_id": {"$lt": PURGED}})
    device.wait_until_idle()
    check_purged(device)

    device.stop("listener")
    device.launch("listener")
    device.wait_until_ready()
    assert device.manage("sync_resync", "--collection", "orders", timeout=120).returncode == 0
    device.wait_until_idle()
    check_purged(device)

    device.console.exclude("orders")
    device.wait_until_idle()
    device.console.include("orders")
    device.wait_until_idle()
    check_purged(device)

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
    found = verified(device, "orders")
    assert (found["different"], found["equal"], found["asAgreed"]) == (0, 500, PURGED)
