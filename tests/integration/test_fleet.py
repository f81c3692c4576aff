"""All devices of one Atlas as each of the others shows them: one that was switched off, one whose clock is wrong, one whose
queue is full."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.mortal import MortalMongod
from tests.integration.conftest import MakeDevice, Workshop
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.parts import FAKETIME, need
from tests.support.servers import started

AHEAD_S, FULL = 5, 1_500
ASK = """
from pathlib import Path
from django.contrib.auth.models import User
from rest_framework.test import APIClient
client = APIClient()
client.force_authenticate(User(username="admin", is_superuser=True))
Path({!r}).write_bytes(client.get("/api/sync/bidirectional/devices", HTTP_HOST="localhost").content)
"""


@pytest.fixture
def wrong_clock(tmp_path: Path) -> Iterator[MortalMongod]:
    need(FAKETIME)
    server = MortalMongod(tmp_path / "wrong", replica_set="local")
    server.offset = AHEAD_S
    with started(server, mortal=True):
        yield server


@pytest.fixture
def fast(workshop: Workshop, wrong_clock: MortalMongod, tmp_path: Path) -> Iterator[Device]:
    """Its local server's clock is ahead."""
    its = Workshop(workshop.template, wrong_clock, workshop.atlas, workshop.broker)
    device = its.make(tmp_path / "fast", atlas_name="")
    yield device
    device.end()


def shown(device: Device) -> dict[str, dict[str, Any]]:
    """What the API of this device says: instance id → device."""
    answer = device.home / "devices.json"
    device.console.run(ASK.format(str(answer)))
    return {one["instanceId"]: one for one in json.loads(answer.read_text())["results"]}


def texts(one: dict[str, Any]) -> str:
    return "; ".join(trouble["text"] for trouble in one["troubles"])


@pytest.mark.timeout(180)
def test_each_device_shows_what_is_the_matter_with_the_others(make_device: MakeDevice, fast: Device) -> None:
    atlas_name = fast.atlas.name
    off = make_device(atlas_name=atlas_name)
    full = make_device(atlas_name=atlas_name)
    for device in (off, full):
        device.launch("listener", "worker")
    fast.launch("listener", "worker")
    for device in (off, full, fast):
        device.wait_until_ready()
    eventually(lambda: fast.atlas["_sync_devices"].count_documents({}) == 3, "all have reported")
    full.launch("listener-2")
    full.wait_for_line("listener-2", "standing by")
    fast.console.run(f"from syncapp.services.devices import rename\nrename({off.instance_id!r}, 'Till 3')")

    off.kill("listener")
    full.kill("worker")
    full.local["bills"].insert_many([{"_id": number} for number in range(FULL)])

    def truly(by: Device) -> bool:
        found = shown(by)
        one, two, three = (found[device.instance_id] for device in (off, full, fast))
        return (
            "has not reported for" in texts(one)
            and one["isOld"]
            and one["seenSecondsAgo"] > 10
            and f"{FULL:,} changes pending" in texts(two)
            and two["queueSize"] == FULL
            and "s ahead of Atlas's" in texts(three)
            and abs(three["clockOffsetMs"] + 1000 * AHEAD_S) < 1000
        )

    for by in (fast, full):
        eventually(lambda by=by: truly(by), "it shows all three", timeout=30, every=0.5)
    found = shown(full)
    assert found[off.instance_id]["name"] == "Till 3"
    assert found[full.instance_id]["standBy"]
    assert [found[device.instance_id]["own"] for device in (off, full, fast)] == [False, True, False]

    fast.stop("listener")
    eventually(lambda: "stopped" in texts(shown(full)[fast.instance_id]), "it says that it stops", 20, 0.5)
