"""`sync_verify` and `sync_resync` on a device at work, and what they say when nobody works."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.mongo.change_stream import ChangeStream
from syncapp.store.stream import pipeline
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually

pytestmark = pytest.mark.timeout(300)


def verify(device: Device, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = device.manage("sync_verify", "--json", *arguments, timeout=120)
    assert done.stdout.startswith("{"), done.stderr
    return done.returncode, json.loads(done.stdout)


def make_a_gap(device: Device) -> None:
    """Changes on Atlas that no stream will ever bring: the token is moved past them."""
    device.atlas["shop"].update_one({"_id": 1}, {"$set": {"v": 1}})
    device.atlas["shop"].delete_one({"_id": 2})
    device.atlas["shop"].insert_one({"_id": "new"})
    stream = ChangeStream.open(device.atlas, pipeline(Side.ATLAS, Exclusions()), 1, None)
    stream.close()
    device.local["_sync_metadata"].update_one(
        {"_id": "atlas-resume-token"}, {"$set": {"token": stream.start_token}}
    )


def run_of(device: Device) -> Any:
    return device.local["_sync_runs"].find_one({}, sort=[("requestedAt", -1)])


def test_what_no_stream_brought_is_found_and_repaired(device: Device) -> None:
    device.local["shop"].insert_many([{"_id": number, "v": 0} for number in range(300)])
    device.wait_until_settled()
    code, found = verify(device)
    assert (code, found["state"], found["equal"]) == (0, "done", found["documents"])

    device.stop("listener")
    make_a_gap(device)
    output = device.home / "verify.log"
    waiting = device.start_manage("sync_verify", output=output)
    eventually(lambda: "No listener is active" in output.read_text(), "it says what keeps it", 60)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(20) == 130
    assert "The run continues in the background" in output.read_text()
    device.launch("listener")
    device.wait_until_ready(60)
    eventually(
        lambda: run_of(device)["state"] == "done", "the run is done without anybody who follows it", 60
    )
    counts = run_of(device)["counts"]
    assert (counts["different"], counts["onlyLocal"], counts["onlyAtlas"]) == (1, 1, 1)
    assert counts["marked"] == 0
    assert device.local["shop"].find_one({"_id": 1}) == {"_id": 1, "v": 0}, "verifying changes nothing"

    code, found = verify(device, "--collection", "shop", "--repair")
    assert (code, found["marked"]) == (1, 3)
    samples = {(one["id"], one["what"]) for one in found["samples"]}
    assert samples == {
        ('{"$numberInt": "1"}', "different"),
        ('{"$numberInt": "2"}', "onlyLocal"),
        ('"new"', "onlyAtlas"),
    }
    device.wait_until_settled()
    assert device.local["shop"].find_one({"_id": 2}) is None, "a deletion, told from a creation"
    assert verify(device)[0] == 0


def test_documents_on_their_way_are_no_differences(device: Device) -> None:
    """Changes are made on both sides all the time while it compares."""
    device.local["busy"].insert_many([{"_id": number, "v": 0} for number in range(2_000)])
    device.wait_until_settled()
    following = device.start_manage("sync_verify", "--collection", "busy", output=device.home / "busy.log")
    number = 0
    while following.poll() is None:
        number += 1
        side = device.local if number % 2 else device.atlas
        side["busy"].update_one({"_id": number % 2_000}, {"$inc": {"v": 1}})
        time.sleep(0.02)
    assert following.returncode == 0, (device.home / "busy.log").read_text()
    assert run_of(device)["counts"]["documents"] == 2_000
    device.wait_until_settled()


def test_a_collection_that_does_not_exist_is_refused(device: Device) -> None:
    done = device.manage("sync_resync", "--collection", "ordres")
    assert (done.returncode, done.stderr.strip()) == (
        2,
        'CommandError: collections is ["ordres"]; allowed: a list of at most 1000 names of collections that are synchronised',
    )


def test_a_resync_says_what_it_found(device: Device) -> None:
    device.local["few"].insert_many([{"_id": number} for number in range(7)])
    device.wait_until_settled()
    done = device.manage("sync_resync", "--collection", "few", timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Compared 7 documents: 0 differ; 0 were sent to the listener"


def test_a_run_is_paused_survives_restarts_and_continues_where_it_was(make_device: MakeDevice) -> None:
    device = make_device(SYNC_COMPARE_RATE="500")
    for database in (device.local, device.atlas):
        database["shop"].insert_many([{"_id": number} for number in range(4_000)])
    device.start()
    device.wait_until_settled()
    following = device.start_manage("sync_verify", "--json", output=device.home / "verify.log")
    eventually(
        lambda: run_of(device)["kind"] == "verify" and run_of(device)["counts"]["documents"] > 900,
        "it compares",
        60,
    )
    assert device.manage("sync_runs", "pause").stdout.startswith("Paused.")
    compared = run_of(device)["counts"]["documents"]
    for name in ("listener", "worker"):
        device.kill(name)
        device.launch(name)
    device.wait_until_ready(60)
    device.wait_for_line("worker", " ready.", 60)
    device.local["shop"].insert_one({"_id": "meanwhile"})
    device.wait_until_settled()
    assert (run_of(device)["state"], run_of(device)["counts"]["documents"]) == ("paused", compared)
    assert "A comparison run is paused" in device.manage("sync_status").stdout
    listed = json.loads(device.manage("sync_runs", "--json").stdout)[0]
    assert (listed["state"], listed["rate"]) == ("paused", None)
    assert device.manage("sync_runs", "resume").stdout.startswith("Resumed")
    assert following.wait(60) == 0
    found = json.loads((device.home / "verify.log").read_text())
    assert (found["state"], found["equal"]) == ("done", found["documents"])
    assert compared < found["documents"] <= 4_001 + len(found["byCollection"]), "nothing was compared twice"
    (shop,) = [one for one in found["byCollection"] if one["collection"] == "shop"]
    assert shop["inSyncAsOf"] < found["endedAt"]
    assert "in sync as of 20" in device.manage("sync_runs", "show", found["id"][:8]).stdout


def test_one_changed_field_among_many_documents_is_found_and_repaired(device: Device) -> None:
    count = 20_000
    for start in range(0, count, 5_000):
        device.local["many"].insert_many([{"_id": n, "v": n, "w": "x"} for n in range(start, start + 5_000)])
    device.wait_until_settled()
    device.stop("listener")
    device.atlas["many"].update_one({"_id": 12_345}, {"$set": {"w": "y"}})
    stream = ChangeStream.open(device.atlas, pipeline(Side.ATLAS, Exclusions()), 1, None)
    stream.close()
    device.local["_sync_metadata"].update_one(
        {"_id": "atlas-resume-token"}, {"$set": {"token": stream.start_token}}
    )
    device.launch("listener")
    device.wait_until_ready(60)
    code, found = verify(device, "--collection", "many", "--repair")
    assert (code, found["different"], found["documents"], found["marked"]) == (1, 1, count, 1)
    assert found["samples"][0]["id"] == '{"$numberInt": "12345"}'
    (many,) = found["byCollection"]
    assert (many["different"], many["inSyncAsOf"]) == (1, None)
    device.wait_until_settled()
    code, found = verify(device, "--collection", "many")
    assert (code, found["byCollection"][0]["inSyncAsOf"] is None) == (0, False)
    device.local["many"].drop()
