"""Two listeners of one device: one is active, the other stands by and takes over."""

from __future__ import annotations

import signal

from syncapp.conf.settings import load
from syncapp.listener.intervals import Intervals
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually

STARTED = "Local Change Stream started successfully"
STANDING_BY = "standing by"


def write(device: Device, name: str) -> None:
    for side, database in (("local", device.local), ("atlas", device.atlas)):
        database["shifts"].insert_many([{"_id": f"{name} {side} {number}"} for number in range(100)])


def epoch(device: Device) -> int:
    lease = device.local["_sync_metadata"].find_one({"_id": "lease"})
    assert lease is not None
    return int(lease["epoch"])


def test_a_stand_by_takes_over_and_a_frozen_listener_that_wakes_up_does_no_harm(
    make_device: MakeDevice,
) -> None:
    device = make_device()
    device.start()
    device.launch("listener-2")
    device.wait_for_line("listener-2", STANDING_BY)
    write(device, "first")
    device.wait_until_equal()
    assert STARTED not in device.lines("listener-2")

    device.kill("listener")
    write(device, "killed")
    device.wait_for_line("listener-2", STARTED)
    device.wait_until_equal()
    before = epoch(device)

    device.launch("listener")
    device.wait_for_line("listener", STANDING_BY)
    write(device, "frozen")
    device.signal("listener-2", signal.SIGSTOP)
    device.wait_for_line("listener", STARTED)
    write(device, "taken over")
    device.wait_until_equal()
    assert epoch(device) > before

    device.signal("listener-2", signal.SIGCONT)
    device.wait_for_line("listener-2", STANDING_BY, times=2)  # it stood by, was active, and does again
    write(device, "woken up")
    device.wait_until_settled()
    assert device.local["shifts"].count_documents({}) == 5 * 200
    assert device.conflicts() == []

    device.stop("listener")
    write(device, "given back")
    device.wait_until_equal()


def test_with_default_settings_a_stand_by_takes_over_within_ten_seconds(make_device: MakeDevice) -> None:
    device = make_device(SYNC_LEASE_DURATION="")
    device.start()
    device.launch("listener-2")
    device.wait_for_line("listener-2", STANDING_BY)
    before = epoch(device)
    device.kill("listener")
    eventually(lambda: epoch(device) > before, "the other one is active", timeout=60)
    # On an idle machine; a busy one lets it look later
    assert load({}).sync_lease_duration / 1000 + Intervals().stand_by < 10
