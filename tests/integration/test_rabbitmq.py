"""RabbitMQ as the broker, without any Redis: tasks, reports, superseded tasks, and what the product says without it.

SYNC_TEST_BROKER_WRITES sets the size of the burst in which it is killed, on both sides together (20000 for a trial at
full size).
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from syncapp.apply import reports
from syncapp.apply.messages import Report
from syncapp.apply.reports import BrokerAway, ReportReader, Reports
from syncapp.conf.settings import load
from syncapp.core.values import Side
from syncapp.doctor.checks import broker
from syncapp.doctor.values import Finding, Level, Setup
from syncapp.management.commands import sync_health
from tests.integration.conftest import MakeDevice
from tests.support.certificates import make_authority
from tests.support.eventually import eventually
from tests.support.rabbitmq import RabbitMQ
from tests.support.relay import Relay
from tests.support.trial import Trial

pytestmark = pytest.mark.timeout(600)  # the server's start counts as the first test's
WRITES = int(os.environ.get("SYNC_TEST_BROKER_WRITES", "2000")) // 2
REPORTS, TASKS = 0, 1  # virtual hosts
NAMED = "The broker (RabbitMQ) is unreachable"


@pytest.fixture
def server(rabbitmq_server: RabbitMQ) -> RabbitMQ:
    return rabbitmq_server


@pytest.fixture
def worker(server: RabbitMQ) -> Iterator[Reports]:
    made = reports.connect(server.uri(REPORTS))
    yield made
    made.close()


@pytest.fixture
def reader(server: RabbitMQ) -> Iterator[ReportReader]:
    reader = reports.connect(server.uri(REPORTS)).reader(f"test:{uuid.uuid4().hex}")
    yield reader
    reader.close()


def read(reader: ReportReader, count: int) -> list[str]:
    found: list[str] = []
    eventually(
        lambda: (found.extend(one.task_id for one in reader.read(50)), len(found) >= count)[1], "reports come"
    )
    return found


def said(url: str) -> list[Finding]:
    return list(broker.look(Setup(load({"CELERY_BROKER_URL": url}))))


def test_reports_arrive_once_and_in_order(worker: Reports, reader: ReportReader) -> None:
    for name in "abc":
        worker.send(reader.stream, replace(Report(name, Side.LOCAL), counts={"conflicts": 1}))
    assert read(reader, 3) == ["a", "b", "c"]
    reader.come_back()
    assert reader.read(50) == []


def test_superseded_tasks_are_skipped_and_the_latest_task_of_each_process_is_known(
    worker: Reports, reader: ReportReader
) -> None:
    for task in ("a", "b"):
        assert worker.begin(reader.stream, task, "one process")
    assert worker.begin(reader.stream, "c", "another one")
    eventually(lambda: (reader.read(20), reader.begun({"a", "b", "c"}))[1] == {"b", "c"}, "it is known")
    reader.give_up(["d", "e"])
    eventually(lambda: not worker.begin(reader.stream, "d", "one process"), "the process knows of it")
    assert not worker.begin(reader.stream, "e", "one process")
    assert worker.begin(reader.stream, "f", "one process")


def test_what_waits_in_a_queue_is_counted(reader: ReportReader) -> None:
    assert reader.count_waiting(f"queue {uuid.uuid4().hex}") == 0


def test_the_doctor_names_what_is_wrong(server: RabbitMQ) -> None:
    assert [one.level for one in said(server.uri(TASKS))] == [Level.OK]
    for url, text in (
        (server.uri(TASKS, "wrong"), "refuses the login"),
        (server.uri(99), "has no such virtual host"),
        ("amqp://127.0.0.1:1/", "The broker (RabbitMQ) cannot be reached"),
    ):
        (found,) = said(url)
        assert found.level is Level.FAILED
        assert text in found.text


def test_sync_health_asks_it_too(server: RabbitMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, told in ((server.uri(TASKS), False), (server.uri(99), True)):
        monkeypatch.setattr(sync_health, "get_settings", lambda url=url: load({"CELERY_BROKER_URL": url}))
        assert ("The broker (RabbitMQ) does not answer" in sync_health.broker_away(3)) is told


def test_a_broker_that_hangs_up_is_tried_once_a_use() -> None:
    """A worker that reports may hold transactions open. Whoever needs the broker tries again by himself."""
    taken: list[socket.socket] = []

    def hang_up() -> None:
        with suppress(OSError):
            while True:
                taken.append(door.accept()[0])
                taken[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=hang_up, daemon=True).start()
        with closing(reports.connect(f"amqp://127.0.0.1:{door.getsockname()[1]}/")) as worker:
            for _ in range(2):
                with pytest.raises(BrokerAway):
                    worker.ping()
        assert len(taken) == 2
        door.shutdown(socket.SHUT_RDWR)


def test_its_certificate_is_verified(server: RabbitMQ, tmp_path: Path) -> None:
    theirs, others = make_authority(tmp_path / "theirs"), make_authority(tmp_path / "others")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(theirs.server)
    relay = Relay(server.port, context)
    try:
        url = server.uri(TASKS).replace("amqp:", "amqps:").replace(str(server.port), str(relay.port))
        verified = f"{url}?ssl_ca_certs={theirs.ca}"
        assert [one.level for one in said(verified)] == [Level.OK]
        with closing(reports.connect(verified)) as connected:
            connected.ping()
        for wrong in (url, f"{url}?ssl_ca_certs={others.ca}"):
            (found,) = said(wrong)
            assert "The broker (RabbitMQ) cannot be reached by TLS" in found.text
            with closing(reports.connect(wrong)) as refused, pytest.raises(BrokerAway, match="CERTIFICATE"):
                refused.ping()
    finally:
        relay.close()


def test_nothing_is_lost_when_it_is_killed_in_a_burst(
    server: RabbitMQ, make_device: MakeDevice, rng: random.Random
) -> None:
    device = make_device(CELERY_BROKER_URL=server.uri(TASKS))
    device.keep_running = True  # Celery's worker may end when the broker goes while it acknowledges a task
    device.start()
    with Trial(device, rng, "killed", WRITES) as trial:
        server.kill()
        eventually(lambda: NAMED in device.manage("sync_status").stdout, "health names it", 30)
        server.start()
        trial.burst.wait_until(0.8)
