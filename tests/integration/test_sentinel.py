"""A broker that Redis's Sentinels find: tasks, reports and the doctor follow it when its master is killed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncapp.conf.settings import load
from syncapp.doctor.checks import broker
from syncapp.doctor.values import Finding, Level, Setup
from syncapp.embedded.ports import free_port
from tests.integration.conftest import MakeDevice
from tests.support.processes import manage
from tests.support.sentinels import Sentinels
from tests.support.trial import Trial

WRITES = 500  # on each side


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    with Sentinels(tmp_path / "sentinels").running() as running:
        yield running


def said(url: str) -> list[Finding]:
    return list(broker.look(Setup(load({"CELERY_BROKER_URL": url}))))


@pytest.mark.django_db
def test_documents_go_on_when_the_master_is_killed(
    sentinels: Sentinels, make_device: MakeDevice, rng: random.Random
) -> None:
    assert [one.level for one in said(sentinels.url(1))] == [Level.OK]
    (unknown,) = said(sentinels.url(1, "nobody"))
    assert unknown.level is Level.FAILED
    assert "The broker (Redis Sentinel) cannot be reached: No master found for 'nobody'" in unknown.text

    device = make_device(CELERY_BROKER_URL=sentinels.url(1))
    device.keep_running = True  # Celery's worker may end when the broker goes while it acknowledges a task
    device.start()
    with Trial(device, rng, "failed over", WRITES):
        sentinels.fail_over()
    assert [one.level for one in said(sentinels.url(1))] == [Level.OK]


def test_celery_and_the_doctor_understand_sentinels_that_speak_tls(tmp_path: Path) -> None:
    url = f"sentinels://127.0.0.1:{free_port()};127.0.0.1:{free_port()}/0?master_name=m"
    code = "from syncproject.celery import app; to = app.connection_for_write(); print(to.transport_cls, bool(to.ssl))"
    done = manage("shell", "--no-imports", "-c", code, home=tmp_path, CELERY_BROKER_URL=url)
    assert done.stdout.split() == ["sentinel", "True"], done.stderr
    (finding,) = said(url)
    assert "(Redis Sentinel) cannot be reached: Error 111 connecting to 127.0.0.1" in finding.text
