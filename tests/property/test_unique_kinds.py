"""Values of every kind of unique index that move between documents: any permutation arrives exactly, in both directions,
in batches of any size, with tasks that interfere with each other and workers that die; and many at once cost no more
than their number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo import monitoring
from pymongo.database import Database

from syncapp.core.values import Ending
from syncapp.embedded.mongod import Mongod
from syncapp.engine import collisions
from syncapp.listener.queue import ready_keys
from syncapp.mongo.connect import connect
from tests.property import world as worlds
from tests.property.examples import share_of_examples
from tests.property.unique_kinds import COUNT, KINDS, POLICY, assign, begin, documents, read, work
from tests.property.world import World

MANY = 1_000


@given(
    kind=st.sampled_from([*KINDS, "not UTF-8"]),
    place=st.sampled_from([0, 1]),
    limit=st.sampled_from([1, 2, 4, 50]),
    seed=st.integers(0, 1 << 32),
)
@share_of_examples(0.4)
def test_any_permutation_under_any_index_arrives_exactly(
    databases: tuple[Database[Any], Database[Any]],
    exact_times: None,
    gathers_little: None,
    kind: str,
    place: int,
    limit: int,
    seed: int,
) -> None:
    rng = random.Random(seed)
    world = World.build(*databases, 1, POLICY)
    try:
        begin(world, kind, COUNT)
        source = world.database(place)
        for version in (2, 3):
            order = rng.sample(range(COUNT + rng.randrange(3)), COUNT)
            changed = documents(kind, order, version)
            assign(source, world.collection, changed)
            if rng.random() < 0.5:
                read(world.devices[0])
        ended = work(world.devices[0], limit, rng)
        assert not [one.reason for one in ended if one.ending is Ending.REJECTED]
        world.settle()
        assert world.contents(world.devices[0].local) == world.contents(world.atlas) == [
            one.raw for one in changed
        ]  # fmt: skip
    finally:
        world.close()


class Counter(monitoring.CommandListener):
    def __init__(self) -> None:
        self.commands = 0
        self.statements = 0  # documents and updates that were sent

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands += 1
        if event.command_name in ("insert", "update"):
            self.statements += len(event.command.get("documents", event.command.get("updates", ())))

    def succeeded(self, event: object) -> None: ...
    def failed(self, event: object) -> None: ...


@pytest.fixture
def counted(
    databases: tuple[Database[Any], Database[Any]],
    local_server: Mongod,
    atlas_server: Mongod,
    exact_times: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[World, Counter]]:
    """A world whose commands are counted, and whose streams are read quickly."""
    monkeypatch.setattr(worlds, "FETCH", 1_000)
    counter = Counter()
    local, atlas = (
        connect(server.uri("protocol"), "test", listener=counter) for server in (local_server, atlas_server)
    )
    world = World.build(local, atlas, 1, POLICY)
    yield world, counter
    world.close()
    for one in (local, atlas):
        one.client.close()


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("move", ["shift", "cycle", "shuffle", "refused"])
def test_a_thousand_documents_take_few_commands(
    counted: tuple[World, Counter], place: int, move: str
) -> None:
    """One that each document that is in the way costs would be a thousand, with a batch written again each time."""
    world, counter = counted
    begin(world, "plain", MANY)
    source, device = world.database(place), world.devices[0]
    order = [*range(1, MANY), 0] if move == "cycle" else list(range(1, MANY + 1))
    if move == "shuffle":
        random.Random(MANY).shuffle(order)
    changed = documents("plain", order, 2)
    if move == "refused":
        source[world.collection].drop_index("u_1")
        changed = [
            RawBSONDocument(bson.encode({"_id": MANY + number, "u": number})) for number in range(MANY)
        ]
        source[world.collection].insert_many(changed)
    else:
        assign(source, world.collection, changed)
    read(device)
    before = counter.commands
    ended = work(device, MANY // 5)
    assert counter.commands - before < MANY // 2
    rejected = [one for one in ended if one.ending is Ending.REJECTED]
    if move == "refused":
        holders = {bson.decode(one.key.id_bson)["_id"] - MANY: one.other_id for one in rejected}
        assert holders == {number: bson.encode({"_id": number}) for number in range(MANY)}
        assert all("Unique index u_1" in one.reason and one.code == 11000 for one in rejected)
        return
    assert rejected == []
    world.settle()
    assert world.contents(device.local) == world.contents(world.atlas) == [one.raw for one in changed]


@pytest.mark.parametrize("place", [0, 1])
def test_a_thousand_that_a_validator_refuses_are_not_sent_again_for_each_of_them(
    counted: tuple[World, Counter], place: int
) -> None:
    world, counter = counted
    source, target, device = world.database(place), world.database(1 - place), world.devices[0]
    target.create_collection(world.collection, validator={"u": {"$type": "int"}})
    wrong = {number for number in range(MANY) if number % 10}
    source[world.collection].insert_many(
        [{"_id": number, "u": "much" if number in wrong else number} for number in range(MANY)]
    )
    read(device)
    before = counter.statements
    ended = work(device, MANY)
    assert counter.statements - before < 20 * MANY
    rejected = {one.key for one in ended if one.ending is Ending.REJECTED and one.code == 121}
    assert {bson.decode(one.id_bson)["_id"] for one in rejected} == wrong
    assert target[world.collection].count_documents({}) == MANY - len(wrong)


@pytest.mark.parametrize("place", [0, 1])
def test_a_row_longer_than_a_batch_arrives_and_a_circle_is_refused(
    databases: tuple[Database[Any], Database[Any]],
    exact_times: None,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
) -> None:
    monkeypatch.setattr(ready_keys, "GATHERED_KEYS", 4)
    monkeypatch.setattr(collisions, "MANY", 1)
    monkeypatch.setattr(collisions, "FEW", 1)
    world = World.build(*databases, 1, POLICY)
    try:
        begin(world, "plain", COUNT)
        source, target = world.database(place), world.database(1 - place)
        row = documents("plain", list(range(1, COUNT + 1)), 2)
        assign(source, world.collection, row)
        ended = work(world.devices[0], 4)
        assert not [one for one in ended if one.ending is Ending.REJECTED]
        assert world.contents(target) == [one.raw for one in row]

        circle = documents("plain", [*range(2, COUNT + 1), 1], 3)
        assign(source, world.collection, circle)
        ended = work(world.devices[0], 4)
        refused = {one.key: one for one in ended if one.ending is Ending.REJECTED}
        assert len(refused) == COUNT
        assert all(one.reason.endswith(collisions.TOO_MANY) and one.other_id for one in refused.values())
        assert world.contents(target) == [one.raw for one in row]
    finally:
        world.close()
