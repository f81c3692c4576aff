"""Tasks that workers cannot end do not pile up in the broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.brokers import count_waiting
from tests.support.device import Device
from tests.support.eventually import eventually

COLLECTIONS = 10
IN_FLIGHT = 8


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("given-up")) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with own.running(tmp_path_factory.mktemp("device"), SYNC_REPORT_TIMEOUT="1000") as device:
        yield device


def test_tasks_do_not_pile_up_while_atlas_is_away(own: Workshop, device: Device) -> None:
    own.atlas.kill()
    for number in range(COLLECTIONS):
        documents = [{"_id": each, "v": 0} for each in range(100)]
        device.local[f"till {number}"].insert_many(documents)
    # Each try takes five seconds, and two can be made at a time: what waits longer is given up
    device.wait_for_line("worker", "event_name=task_left", 60, times=4)
    queued = count_waiting(device.settings["CELERY_BROKER_URL"], "local_to_atlas")
    assert queued <= 2 * IN_FLIGHT, "tasks that nobody wants any more wait in the broker"
    own.atlas.start()
    eventually(lambda: not device.difference(), "all is there", 60, 0.2)
    device.wait_until_settled()
