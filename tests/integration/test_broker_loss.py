"""No correctness depends on the broker: it is emptied, full, or frozen in the middle of a burst.

SYNC_TEST_BROKER_WRITES sets the size, on both sides together (20000 for a trial at full size).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.brokers import empty, full
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.trial import Trial

WRITES = int(os.environ.get("SYNC_TEST_BROKER_WRITES", "2000")) // 2
FROZEN_SECONDS = 15


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("broker")) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with own.running(tmp_path_factory.mktemp("device")) as device:
        # Celery's worker may end when the broker goes while it acknowledges a task (in kombu's ack)
        device.keep_running = True
        yield device


def test_nothing_is_lost_when_the_broker_is_emptied(device: Device, rng: random.Random) -> None:
    with Trial(device, rng, "flushed", WRITES) as trial:
        for share in (0.5, 0.6, 0.7, 0.8):
            empty(device.settings["CELERY_BROKER_URL"])
            trial.burst.wait_until(share)


def test_nothing_is_lost_when_the_broker_is_out_of_memory(
    own: Workshop, device: Device, rng: random.Random
) -> None:
    with Trial(device, rng, "full", WRITES, seconds=4) as trial, full(own.broker):
        trial.burst.wait_until(0.8)
        # RabbitMQ does not refuse, but keeps who sends waiting: each try lasts ten seconds
        eventually(
            lambda: "broker" in device.lines("listener"), "the listener says that it takes no task", 60
        )


def test_nothing_is_lost_when_the_broker_is_frozen(own: Workshop, device: Device, rng: random.Random) -> None:
    with Trial(device, rng, "broker frozen", WRITES):
        assert own.broker.process is not None
        own.broker.process.send_signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        try:
            eventually(lambda: time.monotonic() > frozen_at + FROZEN_SECONDS, "it is frozen for long", 20)
        finally:
            own.broker.process.send_signal(signal.SIGCONT)
