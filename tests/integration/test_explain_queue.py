"""What a listener at work answers to `sync_explain` about a document in its queue."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from syncapp.core.rule.collection_rule import CollectionRule, Urgency
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually

PAUSE = "from syncapp.services.switches import change_switches\nchange_switches(paused={})"


def queue_of(device: Device, collection: str, document_id: Any) -> dict[str, Any]:
    done = device.manage("sync_explain", collection, str(document_id), "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told["queue"] | {"next": told["next"]}


def pause(device: Device, paused: bool) -> None:
    before = device.lines("listener").count("Rules changed")
    device.console.run(PAUSE.format(paused))
    device.wait_for_line("listener", "Rules changed", times=before + 1)


@pytest.mark.parametrize("profile", ["", "small"])
def test_the_listener_says_where_a_document_is_in_its_queue(make_device: MakeDevice, profile: str) -> None:
    device = make_device(SYNC_PROFILE=profile or "standard")
    device.lay_down(CollectionRule("logs", urgency=Urgency.LAST))
    device.lay_down(CollectionRule("payments", urgency=Urgency.FIRST))
    device.launch("listener")
    device.wait_until_ready()
    device.wait_until_idle()

    pause(device, True)
    device.local["payments"].insert_many([{"_id": number} for number in range(5)])
    device.local["logs"].insert_many([{"_id": 1}, {"_id": 2}])
    eventually(lambda: device.reported("queue_size") == 7, "all of it is queued")
    found = queue_of(device, "logs", 1)
    assert found["place"] == "ready", found
    assert found["text"].startswith(
        "It is ready to go out, with 1 more of its collection. More urgent collections go before it: 5 of urgency “first”."
    )
    assert found["next"].startswith("Nothing while sync is paused. Then:")
    assert found["readTo"]["local"] > "2026"
    assert queue_of(device, "logs", 3)["place"] == "nowhere"

    pause(device, False)
    eventually(lambda: device.reported("in_flight") == 7, "all of it is handed out, though nobody works")
    found = queue_of(device, "payments", 3)
    assert found["place"] == "task", found
    assert found["text"].startswith("It is in a task now with 4 others of its collection")

    device.signal("listener", signal.SIGSTOP)
    found = queue_of(device, "logs", 1)
    device.signal("listener", signal.SIGCONT)
    assert found["place"] is None
    assert found["text"] == "The listener has not answered within 5 s: what waits in its queue is not known."
    assert device.rows("SELECT count(*) FROM syncapp_queuequestion") == [(0,)]

    device.launch("worker")
    device.wait_until_settled()
    assert queue_of(device, "logs", 1)["place"] == "nowhere"
