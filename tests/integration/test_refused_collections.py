"""Capped, collated and time-series collections stay as they are on each side, and are named; others go on."""

from __future__ import annotations

import datetime as dt
import json

from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.versions import needs_mongodb_5

COLLATION = {"locale": "en", "strength": 2}


@needs_mongodb_5
def test_refused_collections_are_named_and_others_go_on(make_device: MakeDevice) -> None:
    device = make_device()
    device.local.create_collection("ring", capped=True, size=4096, max=3)
    device.atlas.create_collection("names", collation=COLLATION)
    device.start()

    # One that is created while sync runs is met by a worker first
    device.atlas.create_collection("late", capped=True, size=4096)
    device.local.create_collection("weather", timeseries={"timeField": "at"})
    device.local["weather"].insert_one({"at": dt.datetime.now(dt.UTC), "t": 21})
    device.atlas["late"].insert_one({"_id": 1})
    device.local["late"].insert_one({"_id": 2})
    device.local["names"].insert_one({"_id": "a"})
    device.atlas["names"].insert_one({"_id": "B"})
    for number in range(6):  # the first three fall out again, which brings events of deletes
        device.local["ring"].insert_one({"_id": number})
    device.atlas["ring"].insert_one({"_id": 0})
    device.local["orders"].insert_one({"_id": 1})
    device.atlas["orders"].insert_one({"_id": 2})
    device.wait_until_settled(without={"ring", "names", "late", "weather"})

    def ids(collection: str) -> tuple[list[object], list[object]]:
        here, there = (
            [one["_id"] for one in side[collection].find()] for side in (device.local, device.atlas)
        )
        return here, there

    assert ids("orders") == ([1, 2], [1, 2]) or ids("orders") == ([1, 2], [2, 1])
    assert ids("ring") == ([3, 4, 5], [0])
    assert ids("names") == (["a"], ["B"])
    assert ids("late") == ([2], [1])
    assert "weather" not in device.atlas.list_collection_names()
    assert device.rejected() == []
    # Ten keys of refused collections; one that both sides changed may come with either stream
    assert sum(device.figures(way)["skipped"] for way in ("atlasToLocal", "localToAtlas")) >= 10
    device.check_figures()

    def named() -> dict[str, str]:
        return json.loads(device.reported("refused") or "{}")

    eventually(lambda: set(named()) >= {"ring", "names"}, "what was refused at the start is told", 5)
    # Long before it is looked at all collections again
    eventually(lambda: "late" in named(), "what a worker met is told", 10)
    assert "capped" in named()["ring"]
    assert "Atlas" in named()["names"]
    assert device.lines("listener").count("Collection is not synchronised") == len(named())


def test_one_that_becomes_capped_is_found_by_its_first_failure(device: Device) -> None:
    """Not by one attempt after the other until the worker asks again: others wait for these."""
    for database in (device.local, device.atlas):
        database["ring"].insert_one({"_id": 1})
    device.wait_until_settled()  # the worker knows it as one that can be synchronised
    device.local.command("convertToCapped", "ring", size=65_536)
    device.atlas["ring"].insert_one({"_id": 2})
    eventually(lambda: "capped" in (device.reported("refused") or ""), "it is named", 15)
    device.wait_until_idle(15)
    assert device.lines("worker").count("Retries exhausted") <= 2, "one for each worker process"


def test_a_collection_that_is_not_refused_any_more_is_compared(make_device: MakeDevice) -> None:
    """What was skipped while it was refused comes by no stream; also if nobody ran when that changed."""
    device = make_device()
    device.local.create_collection("names", collation=COLLATION)
    device.start()
    device.atlas["names"].insert_one({"_id": "skipped"})
    device.atlas["orders"].insert_one({"_id": 1})
    device.wait_until_settled(without={"names"})
    assert device.local["names"].count_documents({}) == 0

    device.stop()
    device.local.drop_collection("names")
    device.local.create_collection("names")
    device.start()
    # The drop itself halts what goes up from this collection, until an operator answers; pulls go on
    eventually(lambda: device.local["names"].find_one({"_id": "skipped"}), "what was skipped arrives", 60)
    assert device.atlas["names"].count_documents({}) == 1
    kept = device.local["_sync_metadata"].find_one({"_id": "refused"})
    assert kept is not None
    assert kept["names"] == []
