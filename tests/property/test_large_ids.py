"""`_id`s that are larger than documents commonly are: nothing that holds all of a batch's becomes too large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.apply.messages import encode_batch
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Side
from syncapp.embedded.mongod import Mongod
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.store import landings
from tests.property.world import World
from tests.support.dirty import bring, key
from tests.support.servers import started

POLICY = Policy()
COUNT, LENGTH = 600, 30_000  # more bytes than a document may have (3,000 take a minute)
MESSAGE_BYTES = 16_000_000  # what a document may have, and so a marker


@pytest.fixture(scope="module")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """Servers of their own: what is written here fills an oplog, which other tests are told of."""
    with started(Mongod(tmp_path_factory.mktemp("large-local"), replica_set="local", oplog_mb=200)) as server:
        yield server


@pytest.fixture(scope="module")
def atlas_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with started(Mongod(tmp_path_factory.mktemp("large-atlas"), replica_set="atlas", oplog_mb=200)) as server:
        yield server


@pytest.fixture
def world(
    databases: tuple[Database[Any], Database[Any]], exact_times: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr("tests.property.world.FETCH", 1_000)
    monkeypatch.setattr(landings, "FEW", 0)  # landings are noted in the markers
    world = World.build(*databases, 1, POLICY)
    yield world
    world.close()


def ids(count: int = COUNT) -> list[str]:
    return [f"{number:06}" + "x" * LENGTH for number in range(count)]


def settle(world: World) -> None:
    """All that waits goes out in batches as large as may be."""
    (device,) = world.devices
    while True:
        busy = 0
        for side in BOTH:
            while count := device.read(side):
                busy += count
        while device.hand_out(POLICY, 5_000):
            busy += 1
            batch = device.tasks[0][1].batch
            assert len(bson.encode(encode_batch(batch))) < MESSAGE_BYTES
            device.tasks[0][1].finish()
            assert device.tasks[0][1].failure is None
            device.end_task(0, report=True)
        if not busy:
            return


@pytest.mark.parametrize("source", BOTH)
def test_many_of_thirty_kilobytes_are_inserted_changed_and_deleted(world: World, source: Side) -> None:
    (device,) = world.devices
    here = device.database(source)[world.collection]
    there = device.database(source.other)[world.collection]
    here.insert_many([{"_id": one, "v": 1} for one in ids()])
    settle(world)
    assert there.count_documents({"v": 1}) == COUNT
    here.update_many({}, {"$set": {"v": 2}})
    settle(world)
    assert there.count_documents({"v": 2}) == COUNT
    here.delete_many({})
    settle(world)
    assert there.count_documents({}) == 0


@pytest.mark.parametrize("source", BOTH)
def test_one_of_more_than_a_megabyte(world: World, source: Side) -> None:
    (device,) = world.devices
    large = "x" * 1_500_000
    here = device.database(source)[world.collection]
    here.insert_one({"_id": large, "v": 1})
    settle(world)
    here.replace_one({"_id": large}, {"v": "y" * 5_000_000})
    settle(world)
    assert world.contents(device.local) == world.contents(world.atlas)


def test_a_task_holds_a_bounded_number_of_bytes() -> None:
    dirty = DirtyKeys()
    bring(dirty, Side.ATLAS, *map(key, [*ids(300), "y" * 12_000_000, "z"]))
    sizes = []
    while taken := dirty.take(str(len(sizes)), 5_000, 0.0):
        sizes.append(len(taken.items))
    assert sum(sizes) == 302
    assert sizes == [133, 133, 34, 1, 1]
