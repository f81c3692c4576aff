"""Requirement 6: kill -9 of any process, the broker or a database, in the middle of a burst on both sides,
loses nothing. SYNC_TEST_WRITES sets the size (5000 for a trial at full size)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.integration.conftest import Workshop
from tests.support.burst import Burst
from tests.support.device import Device
from tests.support.history import History

WRITES = int(os.environ.get("SYNC_TEST_WRITES", "1000"))
TIMEOUT = 40 + WRITES / 50


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Servers that may be killed: nobody else uses them."""
    folder = tmp_path_factory.mktemp("mortal")
    local = Mongod(folder / "local", replica_set="local", oplog_mb=200)
    atlas = Mongod(folder / "atlas", replica_set="atlas", oplog_mb=200)
    broker = Redis(folder / "redis")
    servers = (local, atlas, broker)
    try:
        for server in servers:
            server.start()
        for server in (local, atlas):
            # The documents of a killed worker's open transaction stay locked for as long as this
            with MongoClient[dict[str, object]](server.uri()) as client:
                client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=4)
        yield Workshop(migrated_home, local, atlas, broker)
    finally:
        for server in servers:
            server.kill()


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with own.running(tmp_path_factory.mktemp("killed")) as device:
        # Celery's worker may end when the broker goes while it acknowledges a task (in kombu's ack)
        device.keep_running = True
        yield device


class Trial:
    """A burst in the middle of which something is killed, and what must hold afterwards."""

    def __init__(self, device: Device, rng: random.Random, name: str) -> None:
        self.device = device
        self.history = History(device, name)
        self.burst = Burst(device, rng, WRITES, seconds=WRITES / 500, collection=name)
        self.started = time.monotonic()

    def __enter__(self) -> Trial:
        self.burst.start()
        self.burst.wait_until(0.4)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self.burst.finish()
        if kind is None:
            self.check()

    def check(self) -> None:
        wrote = time.monotonic() - self.started
        self.device.wait_until_settled(TIMEOUT)
        print(
            f"wrote for {wrote:.1f} s, settled after {time.monotonic() - self.started:.1f} s",
            self.history.check(),
        )
        self.device.check_figures()
        assert self.device.rejected() == []


def test_nothing_is_lost_when_nothing_is_killed(device: Device, rng: random.Random) -> None:
    before = {name: device.figures(name)["succeeded"] for name in ("atlasToLocal", "localToAtlas")}
    trial = Trial(device, rng, "calm")
    with trial:
        pass
    moved = trial.history.check()
    assert device.figures("atlasToLocal")["succeeded"] - before["atlasToLocal"] == moved["to local"]
    assert device.figures("localToAtlas")["succeeded"] - before["localToAtlas"] == moved["to atlas"]


def test_nothing_is_lost_when_the_worker_is_killed(device: Device, rng: random.Random) -> None:
    with Trial(device, rng, "worker") as trial:
        device.kill("worker")
        trial.burst.wait_until(0.7)
        device.launch("worker")


def test_nothing_is_lost_when_processes_of_the_worker_are_killed(device: Device, rng: random.Random) -> None:
    with Trial(device, rng, "child") as trial:
        for share in (0.5, 0.6, 0.7):
            device.kill_child()
            trial.burst.wait_until(share)


def test_nothing_is_lost_when_only_the_main_process_of_the_worker_is_killed(
    device: Device, rng: random.Random
) -> None:
    with Trial(device, rng, "main") as trial:
        device.kill("worker", group=False)
        trial.burst.wait_until(0.7)
        device.launch("worker")


def test_nothing_is_lost_when_the_listener_is_killed(device: Device, rng: random.Random) -> None:
    with Trial(device, rng, "listener") as trial:
        device.kill("listener")
        trial.burst.wait_until(0.7)
        device.launch("listener")


def test_nothing_is_lost_when_the_broker_is_killed(own: Workshop, device: Device, rng: random.Random) -> None:
    with Trial(device, rng, "broker") as trial:
        own.broker.kill()
        trial.burst.wait_until(0.7)
        own.broker.start()


@pytest.mark.parametrize("side", ["local", "atlas"])
def test_nothing_is_lost_when_a_database_is_killed(
    own: Workshop, device: Device, rng: random.Random, side: str
) -> None:
    server = own.local if side == "local" else own.atlas
    with Trial(device, rng, f"mongod {side}"):
        server.kill()
        time.sleep(1)
        server.start()
