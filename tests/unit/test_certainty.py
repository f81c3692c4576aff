"""From when on Atlas is read, and which reads follow a write that a majority confirmed. What a deposed primary would answer
otherwise is seen in tests/integration/test_elections.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo import MongoClient, monitoring
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.values import ATLAS_ORIGIN, BOTH, Batch, Fact, Side, WorkItem
from syncapp.embedded.mongod import Mongod
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.store.names import BATCHES
from syncapp.store.prepare import prepare
from syncapp.store.states import read_states

KEY = document_key("shop", bson.encode({"_id": 1}))
HERE = {Side.LOCAL: Fact(1, 1, "device")}
READ, CONFIRMED = "read", "a confirmed write"


class Crash(Exception):
    """The worker dies here."""


class Asked(monitoring.CommandListener):
    """What Atlas is asked, in order, and from no earlier than which positions documents are read."""

    def __init__(self) -> None:
        self.what: list[str] = []
        self.positions: list[int] = []
        self.commits: list[Any] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command = event.command
        if command.get("find") == "shop":
            at = command["readConcern"].get("afterClusterTime")
            self.what.append(READ)
            self.positions.append(at.time << 32 | at.inc if at else 0)
        elif command.get("insert") == BATCHES:
            self.what.append(CONFIRMED)
        elif "commitTransaction" in command:
            self.commits.append(command.get("writeConcern"))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


class Device:
    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        self.local, self.atlas = local, atlas

    def process(self, facts: dict[Side, Fact], dies_at: str = "") -> None:
        def at(point: str) -> None:
            if point == dies_at:
                raise Crash

        processor = ChangeProcessor(self.local, self.atlas, "device", at=at, interrupts=(Crash,))
        read_to = dict.fromkeys(BOTH, 2**63 - 1)
        processor.process(Batch("task", Side.ATLAS, "shop", (WorkItem(KEY, facts),), read_to), Policy())

    @property
    def seen_at(self) -> int:
        return read_states(self.local, [KEY])[KEY].seen_at


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def device(
    local_db: Database[Any], atlas_db: Database[Any], atlas_server: Mongod, asked: Asked
) -> Iterator[Device]:
    """Both sides hold a document, and have agreed on it."""
    prepare(local_db, atlas_db, 24)
    for database in (local_db, atlas_db):
        database["shop"].insert_one({"_id": 1})
    with MongoClient[Any](atlas_server.uri(), event_listeners=[asked]) as client:
        options = (
            atlas_db.codec_options,
            atlas_db.read_preference,
            atlas_db.write_concern,
            atlas_db.read_concern,
        )
        device = Device(local_db, client.get_database(atlas_db.name, *options))
        device.process({})
        asked.what.clear()
        asked.positions.clear()
        yield device


def change_on_atlas(device: Device, atlas_db: Database[Any]) -> Fact:
    with atlas_db.client.start_session() as session:
        atlas_db["shop"].update_one({"_id": 1}, {"$set": {"changed": True}}, session=session)
        at = session.operation_time
    assert at is not None
    return Fact(at.time << 32 | at.inc, 1, ATLAS_ORIGIN)


def test_a_change_of_atlas_is_read_from_no_earlier_than_its_event(
    device: Device, asked: Asked, atlas_db: Database[Any]
) -> None:
    fact = change_on_atlas(device, atlas_db)
    assert device.seen_at < fact.position
    device.process({Side.ATLAS: fact})
    assert asked.what == [READ]
    assert asked.positions[0] >= fact.position


def test_what_was_agreed_on_is_read_from_no_earlier_than_it_was_seen(device: Device, asked: Asked) -> None:
    """An event may be older than the push that was made after it."""
    seen_at = device.seen_at
    assert seen_at
    device.process({Side.ATLAS: Fact(1, 1, ATLAS_ORIGIN)})
    device.process(HERE)
    assert asked.what == [READ, READ]
    assert min(asked.positions) >= seen_at


def test_what_no_event_explains_is_read_once_more_after_a_confirmed_write(
    device: Device, asked: Asked, atlas_db: Database[Any]
) -> None:
    change_on_atlas(device, atlas_db)
    device.process(HERE)
    assert asked.what == [READ, CONFIRMED, READ]


def test_what_is_only_to_be_looked_at_is_read_after_a_confirmed_write(device: Device, asked: Asked) -> None:
    """A comparison found a difference: an old answer would hide it."""
    device.process({})
    assert asked.what == [CONFIRMED, READ]


def test_after_a_push_that_was_not_recorded_a_confirmed_write_goes_first(
    device: Device, asked: Asked
) -> None:
    """Nothing says when it was applied; and from then on nothing older is read."""
    device.local["shop"].update_one({"_id": 1}, {"$set": {"pushed": True}})
    with pytest.raises(Crash):
        device.process(HERE, dies_at="atlas committed")
    before = device.seen_at
    asked.what.clear()
    asked.positions.clear()
    device.process(HERE)
    assert asked.what == [CONFIRMED, READ]
    assert device.seen_at >= asked.positions[0] > before


def test_a_push_is_acknowledged_when_a_majority_has_it(device: Device, asked: Asked) -> None:
    device.local["shop"].update_one({"_id": 1}, {"$set": {"pushed": True}})
    device.process(HERE)
    assert asked.commits == [{"w": "majority"}]
