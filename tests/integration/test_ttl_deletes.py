"""What a TTL index over everything removes is a mass delete; what it removes of a queue is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.conf.settings import get_settings
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from syncapp.listener.intervals import USUAL
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.streams.events import EventReader
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import connect
from syncapp.store.devices import DeviceReport
from syncapp.store.halts import Kind, load_halts
from syncapp.store.stream import pipeline
from tests.support.eventually import eventually
from tests.support.servers import started

DOCUMENTS = 400


class Expiring(Mongod):
    """Looks every second for what has expired."""

    def command(self) -> list[str]:
        return [*super().command(), "--setParameter", "ttlMonitorSleepSecs=1"]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database[Any]]:
    with started(Expiring(tmp_path_factory.mktemp("expiring"), replica_set="atlas", oplog_mb=50)) as server:
        database = connect(server.uri("shop"), "test")
        yield database
        database.client.close()


class Watched:
    """What a listener sees of Atlas."""

    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        self._safeguards = Safeguards(
            get_settings(), {Side.LOCAL: local, Side.ATLAS: atlas}, "device", DeviceReport, USUAL
        )
        self._stream = ChangeStream.open(atlas, pipeline(Side.ATLAS, Exclusions()), 300, None)
        self._events = EventReader(Side.ATLAS, "device", int, lambda ids: set())
        self.seen = 0

    def read(self) -> bool:
        """Until nothing comes."""
        found = self._events.read(self._stream.fetch(100).events)
        self._safeguards.look_at(Side.ATLAS, found)
        self.seen += len(found)
        return not found

    def close(self) -> None:
        self._stream.close()


@pytest.mark.parametrize(("at_a_time", "halted"), [(DOCUMENTS, True), (40, False)])
def test_documents_that_expire(
    local_db: Database[Any], atlas: Database[Any], at_a_time: int, halted: bool
) -> None:
    name = f"expire_{at_a_time}"
    watched = Watched(local_db, atlas)
    atlas[name].create_index("at", expireAfterSeconds=0)
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for _ in range(0, min(DOCUMENTS, at_a_time * 4), at_a_time):
        atlas[name].insert_many([{"n": n} for n in range(at_a_time)])
        atlas[name].update_many({}, {"$set": {"at": past}})
        eventually(lambda: not atlas[name].find_one(), "all of them have expired", timeout=10)
    eventually(watched.read, "all is read", timeout=10)
    watched.close()
    assert watched.seen >= 3 * min(DOCUMENTS, at_a_time * 4)
    kinds = [(halt.kind, halt.collection) for halt in load_halts(local_db)]
    assert kinds == ([(Kind.MASS_DELETE, name)] if halted else [])
