"""Requirement 6: kill -9 of any process, the broker or a database, in the middle of a burst on both sides,
loses nothing. SYNC_TEST_WRITES sets the size (5000 for a trial at full size)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.device import Device
from tests.support.trial import Trial

WRITES = int(os.environ.get("SYNC_TEST_WRITES", "1000"))


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Servers that may be killed: nobody else uses them."""
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("mortal")) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with own.running(tmp_path_factory.mktemp("killed")) as device:
        # Celery's worker may end when the broker goes while it acknowledges a task (in kombu's ack)
        device.keep_running = True
        yield device


def trial_of(device: Device, rng: random.Random, name: str) -> Trial:
    return Trial(device, rng, name, WRITES)


def test_nothing_is_lost_when_nothing_is_killed(device: Device, rng: random.Random) -> None:
    before = {name: device.figures(name)["succeeded"] for name in ("atlasToLocal", "localToAtlas")}
    trial = trial_of(device, rng, "calm")
    with trial:
        pass
    moved = trial.history.check()
    assert device.figures("atlasToLocal")["succeeded"] - before["atlasToLocal"] == moved["to local"]
    assert device.figures("localToAtlas")["succeeded"] - before["localToAtlas"] == moved["to atlas"]


def test_nothing_is_lost_when_the_worker_is_killed(device: Device, rng: random.Random) -> None:
    with trial_of(device, rng, "worker") as trial:
        device.kill("worker")
        trial.burst.wait_until(0.7)
        device.launch("worker")


def test_nothing_is_lost_when_processes_of_the_worker_are_killed(device: Device, rng: random.Random) -> None:
    with trial_of(device, rng, "child") as trial:
        for share in (0.5, 0.6, 0.7):
            device.kill_child()
            trial.burst.wait_until(share)


def test_nothing_is_lost_when_only_the_main_process_of_the_worker_is_killed(
    device: Device, rng: random.Random
) -> None:
    with trial_of(device, rng, "main") as trial:
        device.kill("worker", group=False)
        trial.burst.wait_until(0.7)
        device.launch("worker")


def test_nothing_is_lost_when_the_listener_is_killed(device: Device, rng: random.Random) -> None:
    with trial_of(device, rng, "listener") as trial:
        device.kill("listener")
        trial.burst.wait_until(0.7)
        device.launch("listener")


def test_nothing_is_lost_when_the_broker_is_killed(own: Workshop, device: Device, rng: random.Random) -> None:
    with trial_of(device, rng, "broker") as trial:
        own.broker.kill()
        trial.burst.wait_until(0.7)
        own.broker.start()


@pytest.mark.parametrize("side", ["local", "atlas"])
def test_nothing_is_lost_when_a_database_is_killed(
    own: Workshop, device: Device, rng: random.Random, side: str
) -> None:
    server = own.local if side == "local" else own.atlas
    with trial_of(device, rng, f"mongod {side}"):
        server.kill()
        time.sleep(1)
        server.start()
