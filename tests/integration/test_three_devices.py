"""Three devices on one Atlas: what is written anywhere arrives everywhere."""

from __future__ import annotations

import random
import time
import uuid

import pytest

from tests.integration.conftest import MakeDevice
from tests.support.raw import contents


@pytest.mark.timeout(180)
def test_writes_everywhere_converge_everywhere(make_device: MakeDevice, rng: random.Random) -> None:
    atlas_name = f"shared_{uuid.uuid4().hex[:12]}"
    devices = [make_device(atlas_name=atlas_name) for _ in range(3)]
    for one in devices:
        one.launch("listener", "worker")
    for one in devices:
        one.wait_until_ready(60)

    places = [*(one.local for one in devices), devices[0].atlas]
    for number in range(800):
        which = rng.randrange(4)
        key = f"shared {rng.randrange(20)}" if rng.random() < 0.15 else f"{which} {rng.randrange(200)}"
        if rng.random() < 0.15:
            places[which]["goods"].delete_one({"_id": key})
        else:
            # Without upsert's race: sync may insert the same key at the same moment
            done = places[which]["goods"].update_one({"_id": key}, {"$set": {"v": f"{which} {number}"}})
            if not done.matched_count and not key.startswith("shared"):
                places[which]["goods"].insert_one({"_id": key, "v": f"{which} {number}"})
        if number == 100:
            devices[0].atlas["goods"].insert_many(
                [{"_id": f"shared {one}", "v": "first"} for one in range(20)]
            )
        time.sleep(0.002)
    for one in devices:
        one.wait_until_equal(60)
    for one in devices:
        one.wait_until_idle()

    expected = contents(devices[0].atlas)
    assert len(expected["goods"]) > 100
    for one in devices:
        assert contents(one.local) == expected
    assert len({one.instance_id for one in devices}) == 3

    # The later of two writes on two devices wins everywhere
    devices[0].local["last"].insert_one({"_id": 1, "v": 0})
    for one in devices:
        one.wait_until_equal(30)
    devices[1].stop("listener")
    devices[1].local["last"].update_one({"_id": 1}, {"$set": {"v": "earlier, on a device that was down"}})
    time.sleep(0.05)
    devices[2].local["last"].update_one({"_id": 1}, {"$set": {"v": "later"}})
    devices[2].wait_until_equal(30)
    devices[1].launch("listener")
    devices[1].wait_until_ready()
    for one in devices:
        one.wait_until_settled()
        assert one.local["last"].find_one() == {"_id": 1, "v": "later"}
    (conflict,) = devices[1].conflicts("last")
    assert conflict["winner"] == "atlas"
    assert conflict["atlas_origin"] == devices[2].instance_id
    assert conflict["local_origin"] == devices[1].instance_id
