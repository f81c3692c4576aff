"""Events without a time of their own, as before MongoDB 6: the oplog tells it, and where it may not be read the
record says how close the times were."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.changes import Change
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import Policy
from syncapp.core.strategies.last_write_wins import WITHIN_A_SECOND
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from syncapp.listener.streams.events import EventReader
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import connect
from syncapp.mongo.oplog_times import OplogTimes
from syncapp.store import conflicts as conflict_records
from syncapp.store import stream as store_stream
from syncapp.store.stream import pipeline
from tests.property.world import World, forget_prepared
from tests.support.eventually import eventually
from tests.support.servers import started

Databases = tuple[Database[Any], Database[Any]]
APART_SECONDS = 0.02


class Forbidding(Mongod):
    """Can be told to refuse a command, as it refuses what a login may not do."""

    def command(self) -> list[str]:
        return [*super().command(), "--setParameter", "enableTestCommands=1"]


@pytest.fixture(autouse=True)
def no_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(store_stream._PROJECTION, "wallTime")


@pytest.fixture(scope="module")
def forbidding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database[Any]]:
    """Plays both sides: a login that may not read the oplog."""
    with started(
        Forbidding(tmp_path_factory.mktemp("forbidding"), replica_set="atlas", oplog_mb=50)
    ) as server:
        database = connect(server.uri("protocol"), "test")
        data = {"failCommands": ["find"], "namespace": "local.oplog.rs", "errorCode": 13}
        database.client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)
        forget_prepared()
        yield database
        forget_prepared()
        database.client.close()


def conflicts(local: Database[Any], atlas: Database[Any]) -> Iterator[tuple[World, Side]]:
    """Worlds in which a document was changed on both sides, and who was the later."""
    world = World.build(local, atlas, 1, Policy())
    device = world.devices[0]
    try:
        for number in range(6):
            later = list(Side)[number % 2]
            world.atlas[world.collection].insert_one({"_id": number, "v": 0})
            world.settle()
            for side in (later.other, later):
                time.sleep(APART_SECONDS)
                device.database(side)[world.collection].update_one(
                    {"_id": number}, {"$set": {"v": side.value}}
                )
            world.settle()
            yield world, later
    finally:
        world.close()


def test_the_later_of_two_versions_made_within_a_second_wins(databases: Databases) -> None:
    for number, (world, later) in enumerate(conflicts(*databases)):
        for database in (world.atlas, world.devices[0].local):
            found = database[world.collection].find_one({"_id": number})
            assert found is not None
            assert found["v"] == later.value
        records = conflict_records.read_uncopied(world.devices[0].local)
        assert {record.strategy for record in records} == {"last-write-wins"}


def test_a_record_says_that_the_times_are_known_to_the_second_only(forbidding: Database[Any]) -> None:
    atlas = forbidding.client.get_database(
        "atlas_side",
        forbidding.codec_options,
        forbidding.read_preference,
        forbidding.write_concern,
        forbidding.read_concern,
    )
    said = set()
    for world, _ in conflicts(forbidding, atlas):
        said |= {record.strategy for record in conflict_records.read_uncopied(world.devices[0].local)}
    # Two that happened to be made in different seconds may be apart by a second
    assert f"last-write-wins ({WITHIN_A_SECOND})" in said


def test_times_are_found_among_many_other_entries(databases: Databases) -> None:
    _, atlas = databases
    stream = ChangeStream.open(atlas, pipeline(Side.ATLAS, Exclusions()), 100, None)
    before = time.time() * 1000
    for number in range(4):
        atlas["rare"].insert_one({"_id": number})
        atlas["_sync_dirty"].insert_many([{"n": n} for n in range(300)])
    events: list[bytes] = []
    eventually(lambda: events.extend(stream.fetch(50).events) or len(events) == 4, "they come", every=0.01)
    stream.close()
    changes = EventReader(Side.ATLAS, "device", int, lambda ids: set(), OplogTimes(atlas)).read(events)
    facts = [change.fact for change in changes if isinstance(change, Change)]
    atlas.drop_collection("rare")
    atlas.drop_collection("_sync_dirty")
    assert len(facts) == 4
    for fact in facts:
        assert fact is not None
        assert fact.exact
        assert fact.time is not None
        assert before - 1_000 < fact.time < time.time() * 1000 + 1_000
    assert len({fact.time for fact in facts if fact}) == 4
