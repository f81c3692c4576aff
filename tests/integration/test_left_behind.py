"""A test that fails leaves nothing for the next: whatever it froze, killed, changed or kept busy is as new."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.integration.conftest import mortal_workshop
from tests.support.burst import Burst


@pytest.mark.timeout(300)  # a RabbitMQ, which starts twice, takes 40 s for it beside other tests
def test_a_device_begins_anew_after_a_test_that_failed_in_the_worst_way(
    migrated_home: Path, tmp_path: Path, rng: random.Random
) -> None:
    with (
        mortal_workshop(migrated_home, tmp_path / "servers") as own,
        own.running(tmp_path / "device") as device,
    ):
        before = device.home, device.local.name
        device.console.switch(paused=True)
        Burst(device, rng, 100_000, seconds=600).start()
        device.kill("worker")
        device.signal("listener", signal.SIGSTOP)
        assert own.local.process is not None
        own.local.process.send_signal(signal.SIGSTOP)
        own.atlas.kill()
        own.broker.kill()

        device.repair()
        assert (device.home, device.local.name) != before
        device.local["orders"].insert_one({"_id": 1})
        device.atlas["orders"].insert_one({"_id": 2})
        device.wait_until_settled()
        assert device.local["orders"].count_documents({}) == 2
        assert device.local["burst"].count_documents({}) == 0
