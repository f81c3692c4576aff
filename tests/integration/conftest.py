"""Devices on the session's servers. Each has databases and a broker database of its own."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import MongoClient

from syncapp.embedded.mongod import Mongod
from tests.support.brokers import PLACES, Broker, empty, new_broker, place
from tests.support.device import Addresses, Device
from tests.support.django_database import settings_of_a_new_one
from tests.support.processes import manage
from tests.support.servers import revive, started

MakeDevice = Callable[..., Device]
_places = itertools.cycle(range(PLACES))


@dataclass(frozen=True)
class Workshop:
    """Makes devices: a folder for them, a migrated SYNC_HOME to copy, and the servers they use."""

    template: Path
    local: Mongod
    atlas: Mongod
    broker: Broker
    forks: bool = True  # so do its devices' processes

    def make(self, home: Path, atlas_name: str = "", **settings: str) -> Device:
        addresses = self._new_addresses(atlas_name)
        device = Device(home, addresses, self.template, **(settings_of_a_new_one() | settings))
        device.forks = self.forks
        return device

    def _new_addresses(self, atlas_name: str = "") -> Addresses:
        broker_url = place(self.broker, next(_places))
        empty(broker_url)
        name = f"device_{uuid.uuid4().hex[:12]}"
        return Addresses(self.local.uri(name), self.atlas.uri(atlas_name or f"{name}_atlas"), broker_url)

    @contextmanager
    def running(self, folder: Path, **settings: str) -> Iterator[Device]:
        """A device whose listener and worker are at work."""
        device = self.make(folder / "device", **settings)
        device.repair = lambda: self.repair(device)
        try:
            device.start()
            yield device
        finally:
            device.end()

    def repair(self, device: Device) -> None:
        """After a test that failed: servers that work, and nothing that waits or halts, whatever was left."""
        for server in (self.local, self.atlas, self.broker):
            revive(server)
        device.begin_anew(self._new_addresses(), **settings_of_a_new_one())
        device.start()


@contextmanager
def mortal_workshop(
    template: Path, folder: Path, oplog_mb: int = 200, kind: type[Mongod] = Mongod
) -> Iterator[Workshop]:
    """Servers that may be killed and frozen: nobody else uses them."""
    local = kind(folder / "local", replica_set="local", oplog_mb=oplog_mb)
    atlas = kind(folder / "atlas", replica_set="atlas", oplog_mb=oplog_mb)
    broker = new_broker(folder / "broker")
    with started(local, mortal=True), started(atlas, mortal=True), started(broker, mortal=True):
        for server in (local, atlas):
            # The documents of a killed worker's open transaction stay locked for as long as this
            with MongoClient[dict[str, object]](server.uri()) as client:
                client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=4)
        yield Workshop(template, local, atlas, broker)


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SYNC_HOME with an up-to-date Django database, to be copied."""
    home = tmp_path_factory.mktemp("migrated") / "home"
    done = manage("migrate", "--verbosity", "0", home=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def workshop(
    migrated_home: Path, local_server: Mongod, atlas_server: Mongod, broker_server: Broker
) -> Workshop:
    return Workshop(migrated_home, local_server, atlas_server, broker_server)


@pytest.fixture
def make_device(tmp_path: Path, workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[MakeDevice]:
    """Makes devices that are not started yet, for one test."""
    made: list[Device] = []

    def make(**options: str) -> Device:
        made.append(workshop.make(tmp_path / f"device{len(made)}", **options))
        return made[-1]

    yield make
    for device in made:
        if getattr(request.node, "failed", False):
            print(device.tails())
        device.end()


@pytest.fixture(scope="module")
def module_device(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with workshop.running(tmp_path_factory.mktemp("shared")) as device:
        yield device


@pytest.fixture
def device(module_device: Device, request: pytest.FixtureRequest) -> Iterator[Device]:
    """A device at work that a module's tests share: each uses collections of its own, and leaves it running.
    Starting one takes seconds. After a test that failed, the next one gets one that begins anew."""
    if module_device.is_spoiled:
        module_device.repair()
        module_device.is_spoiled = False
    yield module_device
    if getattr(request.node, "failed", False):
        print(module_device.tails())
        module_device.is_spoiled = True


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers; the seed is shown when the test fails."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"{request.node.name}: seed {seed}")
    return random.Random(seed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the fixtures whether the test failed, so that they show the logs."""
    report = yield
    if report.when == "call" and report.failed:  # type: ignore[attr-defined]
        item.failed = True  # type: ignore[attr-defined]
    return report
