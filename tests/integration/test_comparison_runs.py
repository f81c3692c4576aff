"""Comparison runs on a device at work: beside live sync, and through crashes of everything that works on them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from syncapp.core.rule.collection_rule import CollectionRule
from tests.integration.conftest import MakeDevice
from tests.support.brokers import empty
from tests.support.device import Device, Document, databases
from tests.support.eventually import eventually

pytestmark = pytest.mark.timeout(300)
COUNT = 4_000
RATE = 800  # documents a second: a run lasts for seconds, in which things can be killed


@pytest.fixture
def shop(make_device: MakeDevice) -> Device:
    """A device with documents that both sides agree on."""
    device = make_device(SYNC_COMPARE_RATE=str(RATE))
    for database in (device.local, device.atlas):
        database["shop"].insert_many([{"_id": number, "v": 0} for number in range(COUNT)])
    device.start()
    device.wait_until_settled()
    return device


def change_while_away(device: Device, token: str = "atlas") -> None:
    """Lose a token, and change, delete and create on both sides, so that only a comparison finds it."""
    device.stop("listener")
    device.local["_sync_metadata"].delete_one({"_id": f"{token}-resume-token"})
    for number, database in enumerate(databases(device).values()):
        database["shop"].update_many({"_id": {"$mod": [10, number]}}, {"$set": {"v": number + 1}})
        database["shop"].delete_many({"_id": {"$mod": [10, 5 + number]}})
        database["shop"].insert_many([{"_id": f"new {number} {n}", "v": 9} for n in range(50)])


def expected() -> dict[Any, int]:
    values = {
        number: {0: 1, 1: 2}.get(number % 10, 0) for number in range(COUNT) if number % 10 not in (5, 6)
    }
    return {**values, **{f"new {side} {n}": 9 for side in (0, 1) for n in range(50)}}


def run_of(device: Device) -> Document:
    return device.local["_sync_runs"].find_one({}, sort=[("requestedAt", -1)]) or {"counts": {"documents": 0}}


def halfway(device: Device) -> None:
    eventually(lambda: run_of(device)["counts"]["documents"] > COUNT // 4, "the run is under way", 30)
    assert run_of(device)["state"] == "running"


def live_sync_works(device: Device, name: str) -> None:
    """While the run is not over, a change arrives on the other side soon."""
    for source, target in ((device.local, device.atlas), (device.atlas, device.local)):
        source["live"].insert_one({"_id": f"{name} {source.name}"})
        eventually(
            lambda: target["live"].find_one({"_id": f"{name} {source.name}"}),  # noqa: B023
            "live sync goes on",
            30,
        )


def check(device: Device) -> None:
    device.wait_until_settled(90)
    for database in (device.local, device.atlas):
        assert {one["_id"]: one["v"] for one in database["shop"].find()} == expected()
    assert device.conflicts() == []
    run = run_of(device)
    assert (run["state"], run["error"]) == ("done", "")
    # Everything was counted once: what was done before a crash was not done again. Live sync may have carried
    # the deletions first
    assert len(expected()) <= run["counts"]["documents"] <= COUNT + 110


def kill_the_worker(device: Device) -> None:
    device.kill("worker")
    time.sleep(1)
    device.launch("worker")
    device.wait_for_line("worker", " ready.", 60)


def kill_the_listener(device: Device) -> None:
    device.kill("listener")
    device.launch("listener")
    device.wait_until_ready(60)


def flush_the_broker(device: Device) -> None:
    empty(device.settings["CELERY_BROKER_URL"])


@pytest.mark.parametrize("hurt", [kill_the_worker, kill_the_listener, flush_the_broker])
def test_a_run_goes_on_where_it_was_while_live_sync_works(
    shop: Device, hurt: Callable[[Device], None]
) -> None:
    """And deletions made while sync was down are told from creations."""
    change_while_away(shop)
    shop.launch("listener")
    shop.wait_until_ready(60)
    live_sync_works(shop, "before")
    halfway(shop)
    hurt(shop)
    live_sync_works(shop, "after")
    check(shop)


@pytest.mark.parametrize("side", ["local", "atlas"])
def test_a_token_that_is_deleted_while_sync_works_forces_a_comparison(device: Device, side: str) -> None:
    device.local[side].insert_many([{"_id": number} for number in range(100)])
    device.wait_until_settled()
    before = device.local["_sync_runs"].count_documents({"state": "done"})
    assert device.local["_sync_metadata"].delete_one({"_id": f"{side}-resume-token"}).deleted_count == 1
    eventually(
        lambda: device.local["_sync_runs"].count_documents({"state": "done"}) > before,
        "both sides are compared",
        30,
    )
    device.wait_until_settled()
    run = run_of(device)
    assert (run["why"], run["counts"]["different"], run["counts"]["marked"]) == ("resume token missing", 0, 0)
    assert run["counts"]["documents"] >= 100


def test_a_run_waits_until_the_listener_has_applied_the_rules(make_device: MakeDevice) -> None:
    """Rules that are gone before it has read them would decide what is marked, and nothing would ask for another comparison."""
    device = make_device(SYNC_COMPARE_RATE=str(RATE), SYNC_LEASE_DURATION="60000")
    for database in (device.local, device.atlas):
        database["shop"].insert_many([{"_id": number, "v": 0} for number in range(COUNT)])
    device.start()
    device.wait_until_settled()
    change_while_away(device)
    device.launch("listener")
    device.wait_until_ready(60)
    halfway(device)
    os.kill(device.pid("listener"), signal.SIGSTOP)
    try:
        device.lay_down(CollectionRule(pattern="shop", filter={"v": -1}))
        time.sleep(1.5)  # a slice that had begun takes half a second
        seen = run_of(device)["counts"]["documents"]
        time.sleep(2)
        assert run_of(device)["counts"]["documents"] == seen < COUNT
        with device.open("rw") as execute:
            execute("DELETE FROM syncapp_collectionrule WHERE kind = 'rule'", ())
            execute("UPDATE syncapp_syncswitches SET version = version + 1", ())
        eventually(lambda: run_of(device)["counts"]["documents"] > seen, "it goes on", 30)
    finally:
        os.kill(device.pid("listener"), signal.SIGCONT)
    check(device)
