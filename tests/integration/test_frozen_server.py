"""A database that neither answers nor closes (SIGSTOP), for longer than anybody waits for it: nothing is lost,
health says so, and local applications go on as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncapp.embedded.mongod import Mongod
from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.trial import Trial

WRITES = int(os.environ.get("SYNC_TEST_WRITES", "1000"))
SOCKET_TIMEOUT_MS = 2_000
FROZEN_SECONDS = 6
LONGEST_LOCAL_WRITE = 1.5  # seconds, on a busy machine; a write that waits for Atlas takes the frozen time


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("frozen")) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("device")
    with own.running(folder, SYNC_SOCKET_TIMEOUT=str(SOCKET_TIMEOUT_MS)) as device:
        yield device


class LocalApplication(threading.Thread):
    """Changes documents that sync is about to push, makes an index now and then, and remembers the longest
    wait."""

    def __init__(self, device: Device, collection: str) -> None:
        super().__init__(daemon=True)
        self._collection = device.local[collection]
        self._over = threading.Event()
        self.longest = 0.0
        self.writes = 0

    def run(self) -> None:
        while not self._over.wait(0.01):
            started = time.monotonic()
            self._collection.replace_one({"_id": self.writes % 20}, {"v": self.writes}, upsert=True)
            if self.writes % 100 == 50:
                self._collection.create_index(f"field{self.writes}")
            self.longest = max(self.longest, time.monotonic() - started)
            self.writes += 1

    def __enter__(self) -> LocalApplication:
        self.start()
        return self

    def __exit__(self, *rest: object) -> None:
        """It writes no more, whatever happened."""
        self._over.set()
        self.join()


def stream(device: Device, side: str) -> str:
    """As health says it; empty before the listener has said anything."""
    return str(device.reported(f"{side}_stream") or "")


@contextmanager
def frozen(server: Mongod) -> Iterator[float]:
    """Since when it is; thawed at the end, whatever happened."""
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_nothing_is_lost_and_local_writes_stay_quick_while_atlas_is_frozen(
    own: Workshop, device: Device, rng: random.Random
) -> None:
    application = LocalApplication(device, "till")
    with Trial(device, rng, "atlas frozen", WRITES):
        with frozen(own.atlas) as frozen_at, application:
            eventually(lambda: stream(device, "atlas") == "disconnected", "health says that Atlas is down")
            assert stream(device, "local") == "connected"
            eventually(lambda: time.monotonic() > frozen_at + FROZEN_SECONDS, "it is frozen for long")
        print(f"{application.writes} local writes meanwhile, the longest took {application.longest:.2f} s")
        assert application.writes > FROZEN_SECONDS * 10
        assert application.longest < LONGEST_LOCAL_WRITE, "a local write waited for Atlas"
    assert stream(device, "atlas") == "connected"


def test_nothing_is_lost_while_the_local_database_is_frozen(
    own: Workshop, device: Device, rng: random.Random
) -> None:
    with Trial(device, rng, "local frozen", WRITES), frozen(own.local) as frozen_at:
        eventually(lambda: stream(device, "local") == "disconnected", "health says that it is down")
        eventually(lambda: time.monotonic() > frozen_at + FROZEN_SECONDS, "it is frozen for long")
    eventually(lambda: stream(device, "local") == "connected", "it is back")
