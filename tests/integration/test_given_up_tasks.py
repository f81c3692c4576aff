"""Tasks that show no sign of life are asked again; those that were only slow neither pile up nor keep everything
from ever being done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bson
import pytest
import redis
from pymongo.database import Database

from syncapp.conf import load
from syncapp.embedded.redis import Redis
from syncapp.engine.content import document_key
from syncapp.engine.values import Batch, Ending, Outcome, Side
from syncapp.rules.exclusions import Exclusions
from syncapp.rules.rules import Rules
from syncapp.streams import reports
from syncapp.streams.dirty_keys import DirtyKeys
from syncapp.streams.dispatcher import MOST_PATIENCE, Dispatcher
from syncapp.streams.messages import Report
from syncapp.streams.metrics import MetricsBuffer
from syncapp.streams.safeguards import Safeguards
from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.device import Device
from tests.support.eventually import eventually

RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=1)
TIMEOUT = 1.0  # seconds, as SYNC_REPORT_TIMEOUT
COLLECTIONS = 10
IN_FLIGHT = 8


class Listener:
    """Its part that hands out: one key, and tasks that are as old as a test wants."""

    def __init__(
        self, local: Database[dict[str, object]], atlas: Database[dict[str, object]], url: str
    ) -> None:
        settings = load({"CELERY_BROKER_URL": url, "SYNC_REPORT_TIMEOUT": str(round(TIMEOUT * 1000))})
        self.client = reports.connect(url)
        self.dirty = DirtyKeys()
        self.sent: list[Batch] = []
        guards = Safeguards(settings, {Side.LOCAL: local, Side.ATLAS: atlas}, "device", dict)
        reader = reports.ReportReader(self.client, f"test:{local.name}:reports")
        self.dispatcher = Dispatcher(
            settings, self.dirty, MetricsBuffer(), threading.Condition(), self.sent.append, reader, guards
        )

    def hand_out(self) -> Batch:
        self.dirty.watermarks[Side.LOCAL].take_in({}, continues=False, may_continue=False)
        self.dirty.mark(document_key("orders", bson.encode({"_id": 1})), Side.LOCAL)
        self.dispatcher.hand_out(RULES, [])
        return self.sent[-1]

    def is_given_up(self, batch: Batch, seconds: float) -> bool:
        """Is it after so long without a sign of life?"""
        if batch.task_id in self.dirty.tasks:
            self.dirty.tasks[batch.task_id].alive_at = time.monotonic() - seconds
        self.dispatcher.give_up_overdue()
        return reports.is_given_up(self.client, batch.reply_to, batch.task_id)


@pytest.fixture
def listener(
    local_db: Database[dict[str, object]], atlas_db: Database[dict[str, object]], redis_server: Redis
) -> Iterator[Listener]:
    one = Listener(local_db, atlas_db, redis_server.url)
    yield one
    one.client.close()


def test_tasks_may_take_longer_when_they_were_given_up_before_their_turn(listener: Listener) -> None:
    allowed = TIMEOUT
    for _ in range(8):
        batch = listener.hand_out()
        assert not listener.is_given_up(batch, 0.9 * allowed)
        assert listener.is_given_up(batch, 1.1 * allowed)
        allowed = min(2 * allowed, MOST_PATIENCE * TIMEOUT)
    batch = listener.hand_out()
    outcomes = [Outcome(item.key, Ending.DONE) for item in batch.items]
    reports.send(listener.client, batch.reply_to, Report.of(batch, outcomes, 1.0))
    listener.dispatcher.take_reports()
    assert listener.is_given_up(listener.hand_out(), 1.1 * TIMEOUT), (
        "one that is done shows that all is well again"
    )


def test_a_late_report_does_not_show_that_all_is_well(listener: Listener) -> None:
    late = listener.hand_out()
    assert listener.is_given_up(late, 1.1 * TIMEOUT)
    outcomes = [Outcome(item.key, Ending.DONE) for item in late.items]
    reports.send(listener.client, late.reply_to, Report.of(late, outcomes, 1.0))
    listener.dispatcher.take_reports()
    assert not listener.is_given_up(listener.hand_out(), 1.1 * TIMEOUT)


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("given-up")) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    timeout = str(round(TIMEOUT * 1000))
    with own.running(tmp_path_factory.mktemp("device"), SYNC_REPORT_TIMEOUT=timeout) as device:
        yield device


def test_tasks_do_not_pile_up_while_atlas_is_away(own: Workshop, device: Device) -> None:
    own.atlas.kill()
    for number in range(COLLECTIONS):
        documents = [{"_id": each, "v": 0} for each in range(100)]
        device.local[f"till {number}"].insert_many(documents)
    # Each try takes five seconds, and two can be made at a time: what waits longer is given up
    device.wait_for_line("worker", "event_name=task_left", 60, times=4)
    with redis.Redis.from_url(device.settings["CELERY_BROKER_URL"]) as broker:
        queued = broker.llen("local_to_atlas")
    assert queued <= 2 * IN_FLIGHT, "tasks that nobody wants any more wait in the broker"
    own.atlas.start()
    eventually(lambda: not device.difference(), "all is there", 60, 0.2)
    device.wait_until_settled()
