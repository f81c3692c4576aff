"""A document that ends the worker's process each time ends set aside, and the others are written; what an operator kills
is blamed on no document."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncapp.listener.dispatcher import MOST_PATIENCE
from tests.integration.conftest import MakeDevice, Workshop, mortal_workshop
from tests.support.deadly_ids import CHILD, GROUP
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.rabbitmq import RabbitMQ

ATTEMPTS = 3
REPORT_SECONDS = 1


def prepare(device: Device, **settings: str) -> Device:
    """With a worker that the deadly documents end."""
    device.settings.update({"SYNC_APPLY_MAX_ATTEMPTS": str(ATTEMPTS), "SYNC_APPLY_WORKERS": "1", **settings})
    device.worker_options = ("-I", "tests.support.deadly")
    device.keep_running = True
    device.start()
    return device


@pytest.mark.timeout(340)
@pytest.mark.parametrize(("deadly", "report_timeout"), [(CHILD, "20000"), (GROUP, "1000")])
def test_one_that_ends_its_process_is_set_aside_and_the_others_are_written(
    make_device: MakeDevice, deadly: str, report_timeout: str
) -> None:
    check_set_aside(make_device(SYNC_REPORT_TIMEOUT=report_timeout), deadly)


@pytest.mark.timeout(400)  # with the server's start
def test_a_broker_that_redelivers_at_once_does_not_end_workers_for_ever(
    make_device: MakeDevice, rabbitmq_server: RabbitMQ
) -> None:
    check_set_aside(make_device(SYNC_REPORT_TIMEOUT="1000", CELERY_BROKER_URL=rabbitmq_server.uri(0)), GROUP)


def check_set_aside(made: Device, deadly: str) -> None:
    device = prepare(made)
    numbers = itertools.count()
    device.atlas["menu"].insert_many([{"_id": deadly}, *({"_id": n} for n in range(60))])

    def set_aside() -> bool:
        device.revive()
        device.local["orders"].insert_one({"_id": next(numbers)})  # others go through
        return bool(device.rejected())

    eventually(set_aside, "it is set aside", 220, 0.2)
    ((collection, document_id, _, reason, _),) = device.rejected()
    assert (collection, json.loads(document_id)) == ("menu", deadly)
    assert reason.startswith("The worker process ended each time it processed this document alone")
    assert ("event_name=process_lost" in device.log("worker").read_text()) == (deadly is CHILD)
    eventually(lambda: device.local["menu"].count_documents({}) == 60, "the others arrive", 30)
    assert not device.local["menu"].find_one({"_id": deadly})
    device.wait_until_equal(without=["menu"])
    device.keep_running = False
    device.wait_until_idle()


@pytest.fixture
def mortal(migrated_home: Path, tmp_path: Path) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path / "mortal") as workshop:
        yield workshop


@pytest.mark.timeout(480)
def test_nothing_is_blamed_for_workers_that_are_killed_again_and_again(
    mortal: Workshop, tmp_path: Path
) -> None:
    device = prepare(mortal.make(tmp_path / "device"), SYNC_REPORT_TIMEOUT=str(1000 * REPORT_SECONDS))
    try:
        mortal.atlas.kill()
        device.local["orders"].insert_one({"_id": 1})  # alone in its batch each time
        for _ in range(ATTEMPTS + 1):
            # Each time that nobody reports the listener waits longer before it asks again
            device.wait_for_line("worker", "event_name=retry", MOST_PATIENCE * REPORT_SECONDS + 30)
            device.kill("worker")
            device.launch("worker")
        mortal.atlas.start()
        device.wait_until_settled(120)
        assert device.rejected() == []
    except BaseException:
        print(device.tails())
        raise
    finally:
        device.end()
