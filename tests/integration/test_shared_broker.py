"""Two devices that were given one broker by mistake: a task that comes to the wrong one is passed on."""

from __future__ import annotations

import itertools

import pytest

from tests.integration.conftest import MakeDevice
from tests.support.eventually import eventually

WRONG = "Task of another device received"


@pytest.mark.timeout(240)
def test_tasks_that_come_to_another_device_are_passed_on_and_it_is_said(make_device: MakeDevice) -> None:
    first = make_device()
    second = make_device(CELERY_BROKER_URL=first.settings["CELERY_BROKER_URL"])
    devices = (first, second)
    for device in devices:
        device.start()
    written = itertools.count()

    def write() -> None:
        number = next(written)
        for device in devices:
            device.local["orders"].insert_one({"_id": number})
            device.atlas["menu"].insert_one({"_id": number})

    for _ in range(20):
        write()

    def said() -> bool:
        write()  # a task may come to the right one at once
        stuck = [row[0] for device in devices for row in device.rows("SELECT stuck FROM syncapp_instance")]
        return any("A worker of another device received the task" in text for text in stuck)

    eventually(said, "health has the reason", 60, every=0.2)
    count = next(written)
    for device in devices:
        device.wait_until_settled(90)
        assert device.atlas["orders"].count_documents({}) == count
        assert device.local["menu"].count_documents({}) == count
    assert any(WRONG in device.lines("worker") for device in devices)
