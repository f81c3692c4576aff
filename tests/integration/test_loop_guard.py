"""The guard that must never fire can fire: a key whose transfers go on and on without a new change."""

from __future__ import annotations

import bson
import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from syncapp.apply import reports
from syncapp.apply.messages import Report
from syncapp.conf.settings import load
from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.content import document_key
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Batch, Ending, Fact, Outcome, Side
from syncapp.listener.dispatcher import Dispatcher
from syncapp.listener.intake import Intake
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.rules.rules import Rules
from syncapp.safety.loop_guard import LIMIT
from syncapp.store.devices import DeviceReport
from tests.support.brokers import Broker, place

KEY = document_key("orders", bson.encode({"_id": 1}))
RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=1)


def test_one_change_that_comes_back_again_and_again_is_told_as_a_loop(
    local_db: Database[dict[str, object]], atlas_db: Database[dict[str, object]], broker_server: Broker
) -> None:
    settings = load({"CELERY_BROKER_URL": place(broker_server, 0)})
    guards = Safeguards(settings, {Side.LOCAL: local_db, Side.ATLAS: atlas_db}, "device", DeviceReport, USUAL)
    client = reports.connect(settings.celery_broker_url)
    dirty, metrics = DirtyKeys(), MetricsBuffer()
    intake = Intake(dirty, guards, metrics, 100, pytest.fail)

    def work(batch: Batch) -> None:
        outcomes = [Outcome(item.key, Ending.DONE, transfer=Side.LOCAL) for item in batch.items]
        client.send(batch.reply_to, Report.of(batch, outcomes, 1.0))

    stream = client.reader(f"test:{local_db.name}:reports")
    dispatcher = Dispatcher(settings, dirty, metrics, work, stream, guards, USUAL)
    with capture_logs() as lines:
        for position in range(LIMIT + 3):
            fact = Fact(position, 1_000, "another device")
            intake.receive(Side.ATLAS, ChangeBatch([Change(KEY, fact)], {}, position))
            dispatcher.hand_out(RULES, [])
            dispatcher.take_reports()
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["Sync loop detected"]
    assert guards.loops == 1
    assert guards.loop_at > 0
    dispatcher.close()
    client.close()
