"""Requirements 7 and the toggle: what is not pulled, still goes up, and arrives when it may again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import bson
import pytest

from tests.support.device import Device
from tests.support.eventually import eventually

OPENED = "Atlas Change Stream started successfully"
SOON = 2.0  # seconds until a switch must have taken effect


@pytest.fixture(autouse=True)
def _all_on_again(device: Device) -> Iterator[None]:
    device.console.switch(enabled=True, paused=False)
    yield
    device.console.switch(enabled=True, paused=False)


def written_on_atlas(device: Device, collection: str, seconds: float) -> list[tuple[int, float]]:
    """Documents inserted one after the other, with the seconds since the first."""
    started = time.monotonic()
    found = []
    while (now := time.monotonic() - started) < seconds:
        number = len(found)
        device.atlas[collection].insert_one({"_id": number})
        found.append((number, now))
        time.sleep(0.05)
    return found


def arrives_on_atlas(device: Device, collection: str, key: str) -> None:
    device.local[collection].insert_one({"_id": key})
    eventually(lambda: device.atlas[collection].find_one({"_id": key}), f"{key} goes up")


def test_turned_off_pulls_stop_within_two_seconds_and_what_waited_arrives_when_turned_on(
    device: Device,
) -> None:
    device.local["toggle"].insert_many([{"_id": name, "v": 0} for name in ("both", "only atlas", "deleted")])
    device.wait_until_equal()

    device.console.switch(enabled=False)
    written = written_on_atlas(device, "toggle", 3)
    arrives_on_atlas(device, "toggle", "goes up")
    late = {number for number, at in written if at > SOON}
    assert len(late) > 5
    pulled = {document["_id"] for document in device.local["toggle"].find()}
    assert not late & pulled, "pulled after the switch"

    device.atlas["toggle"].update_one({"_id": "both"}, {"$set": {"v": "atlas"}})
    device.atlas["toggle"].update_one({"_id": "only atlas"}, {"$set": {"v": "atlas"}})
    device.atlas["toggle"].delete_one({"_id": "deleted"})
    device.local["toggle"].update_one({"_id": "both"}, {"$set": {"v": "local"}})
    eventually(
        lambda: device.atlas["toggle"].find_one({"_id": "both"}) == {"_id": "both", "v": "local"},
        "one-way, local wins",
    )
    eventually(lambda: device.conflicts("toggle"), "the conflict is recorded")
    (conflict,) = device.conflicts("toggle")
    assert (conflict["winner"], conflict["one_way"]) == ("local", 1)
    assert bson.decode(conflict["atlas_raw"]) == {"_id": "both", "v": "atlas"}
    assert device.local["toggle"].find_one({"_id": "only atlas"}) == {"_id": "only atlas", "v": 0}

    device.console.switch(enabled=True)
    device.wait_until_settled()
    assert device.local["toggle"].count_documents({"_id": {"$in": sorted(late)}}) == len(late)
    assert device.local["toggle"].find_one({"_id": "only atlas"}) == {"_id": "only atlas", "v": "atlas"}
    assert device.local["toggle"].find_one({"_id": "deleted"}) is None
    assert len(device.conflicts("toggle")) == 1


def test_turned_off_during_a_burst_and_on_again_both_sides_become_equal(device: Device) -> None:
    for number in range(1500):
        device.atlas["flood"].insert_one({"_id": number})
        if number % 100 == 0:  # so often that the listener misses some of it
            device.console.switch(enabled=number % 200 == 0)
    device.console.switch(enabled=True)
    device.wait_until_settled()
    assert device.local["flood"].count_documents({}) == 1500
    assert device.conflicts("flood") == []


def test_an_excluded_collection_is_not_pulled_and_still_goes_up(device: Device) -> None:
    device.atlas["sessions"].insert_one({"_id": "of atlas"})
    arrives_on_atlas(device, "sessions", "of local")
    device.atlas["orders"].insert_one({"_id": "after it"})
    eventually(lambda: device.local["orders"].find_one({"_id": "after it"}), "others are pulled")
    assert device.local["sessions"].find_one({"_id": "of atlas"}) is None


def test_a_collection_is_excluded_at_run_time_and_what_it_missed_arrives_when_let_in(device: Device) -> None:
    device.local["private"].insert_many([{"_id": name, "v": 0} for name in ("changed", "deleted")])
    device.wait_until_equal(without=["sessions"])

    device.console.exclude("priv*")
    written = written_on_atlas(device, "private", 3)
    device.atlas["private"].update_one({"_id": "changed"}, {"$set": {"v": 1}})
    device.atlas["private"].delete_one({"_id": "deleted"})
    arrives_on_atlas(device, "private", "goes up")
    device.atlas["orders"].insert_one({"_id": "while private is excluded"})
    eventually(
        lambda: device.local["orders"].find_one({"_id": "while private is excluded"}), "others are pulled"
    )
    late = {number for number, at in written if at > SOON}
    pulled = {document["_id"] for document in device.local["private"].find()}
    assert not late & pulled, "pulled although excluded"
    assert "deleted" in pulled

    device.console.include("priv*")
    device.wait_until_settled(without=["sessions"])
    assert device.local["private"].find_one({"_id": "deleted"}) is None
    assert device.local["private"].find_one({"_id": "changed"}) == {"_id": "changed", "v": 1}
    assert device.conflicts("private") == []


def test_paused_nothing_moves_and_resumed_everything_arrives(device: Device) -> None:
    device.console.switch(paused=True)
    time.sleep(SOON)
    for database in (device.local, device.atlas):
        database["paused"].insert_many([{"n": number} for number in range(50)])
    time.sleep(1.5)  # nothing is waited for: nothing may happen
    assert (device.local["paused"].count_documents({}), device.atlas["paused"].count_documents({})) == (
        50,
        50,
    )

    device.console.switch(paused=False)
    device.wait_until_settled(without=["sessions"])
    assert device.local["paused"].count_documents({}) == 100


def test_excluding_a_busy_collection_compares_nothing(device: Device) -> None:
    """The stream's place is an event of that collection, which the new filter hides."""
    device.atlas["beside"].insert_one({"_id": "before"})
    device.wait_until_settled(without=["sessions"])
    runs = device.local["_sync_runs"].count_documents({})
    opened = device.lines("listener").count(OPENED)
    over = threading.Event()

    def be_busy() -> None:
        while not over.wait(0.002):
            device.atlas["busy"].insert_one({})

    writer = threading.Thread(target=be_busy)
    writer.start()
    try:
        device.console.exclude("busy")
        device.wait_for_line("listener", OPENED, times=opened + 1)
        over.wait(1.0)
        device.atlas["beside"].insert_one({"_id": "after"})
        eventually(lambda: device.local["beside"].find_one({"_id": "after"}), "other collections go on")
    finally:
        over.set()
        writer.join()
    assert "cannot resume" not in device.lines("listener")
    assert device.local["_sync_runs"].count_documents({}) == runs
    device.console.include("busy")
    device.wait_until_settled(without=["sessions"])
