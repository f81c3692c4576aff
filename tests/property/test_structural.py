"""A collection is dropped or renamed exactly between each read and each write of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import json_util
from pymongo.collection import Collection
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.rule.scope import Scope
from syncapp.core.values import BOTH, Side
from syncapp.mongo.change_stream import token_position
from syncapp.safety.mass_deletes import Limit
from syncapp.safety.structural import Judge
from syncapp.store.halts import load_halts
from syncapp.store.names import HALTS
from tests.property.test_races import go_on, go_to
from tests.property.world import Device, World

KEY = 1
POLICY = Policy()
KEEP_HOURS = 1
# Where a task has read and has not written yet, or has written and nobody was told
POINTS = ["states read", "atlas read", "local committed", "atlas committed"]
CHANGES: dict[str, Callable[[Collection[Any]], None]] = {
    "drop": lambda collection: collection.drop(),
    "rename": lambda collection: collection.rename(f"{collection.name}_anew", dropTarget=True),
}
everywhere = pytest.mark.parametrize("point", POINTS)
of_each_kind = pytest.mark.parametrize("change", CHANGES)
on_each_side = pytest.mark.parametrize("place", [0, 1], ids=["local", "atlas"])


@pytest.fixture
def world(databases: tuple[Database[Any], Database[Any]], exact_times: None) -> Iterator[World]:
    world = World.build(*databases, 1, POLICY)
    yield world
    for database in (world.devices[0].local, world.atlas):
        database.drop_collection(f"{world.collection}_anew")
    world.devices[0].local[HALTS].delete_many({})
    world.close()


def read_all(device: Device) -> None:
    for side in BOTH:
        while device.read(side):
            pass


def judge_due(device: Device) -> bool:
    pending = device.dirty.structural_due()
    if pending is None:
        return False
    databases = {side: device.database(side) for side in BOTH}
    Judge(databases, Limit(), {}, Scope(), KEEP_HOURS).judge(pending.side, pending.change)
    device.dirty.end_structural(pending)
    return True


def settle(world: World) -> None:
    """As the listener does it: what is halted is not handed out here, since nothing of it may travel."""
    (device,) = world.devices
    for _ in range(50):
        device.work_until_quiet(POLICY)
        if not judge_due(device) and not device.dirty.size:
            return
        if load_halts(device.local):
            return
    raise AssertionError("it never comes to rest")


def begin(world: World, place: int) -> Device:
    """A document that was made on one side is about to be carried to the other."""
    (device,) = world.devices
    world.native_write(place, KEY, delete=False)
    read_all(device)
    assert device.hand_out(POLICY, 1)
    return device


def check(world: World) -> None:
    """Equal, or asked about."""
    (device,) = world.devices
    if world.contents(device.local) != world.contents(world.atlas):
        assert [halt.collection for halt in load_halts(device.local)] == [world.collection]


@everywhere
@of_each_kind
@on_each_side
def test_it_is_judged_when_what_is_in_flight_has_ended(
    world: World, place: int, change: str, point: str
) -> None:
    device = begin(world, place)
    reached = go_to(world, point)
    CHANGES[change](world.database(place)[world.collection])
    read_all(device)
    assert device.dirty.structural_due() is None, "a task may still write"
    while reached and go_on(world) is not None:
        pass
    device.end_task(0, report=True)
    pending = device.dirty.structural_due()
    assert pending is not None
    assert pending.change.fact is not None
    safe = device.dirty.safe().tokens[BOTH[place]]
    assert safe is None or token_position(safe) < pending.change.fact.position, "it is not judged yet"
    settle(world)
    check(world)


@everywhere
@of_each_kind
@on_each_side
def test_a_task_that_was_given_up_and_goes_on_late_leaves_nothing(
    world: World, place: int, change: str, point: str
) -> None:
    device = begin(world, place)
    if not go_to(world, point):
        return
    device.dirty.give_up(device.dirty.task_ids())
    zombie = device.tasks.pop()
    CHANGES[change](world.database(place)[world.collection])
    read_all(device)
    assert judge_due(device)
    settle(world)
    zombie[1].finish()
    settle(world)
    check(world)


@of_each_kind
@on_each_side
def test_a_listener_that_starts_over_before_it_is_judged_reads_it_again(
    world: World, place: int, change: str
) -> None:
    device = begin(world, place)
    reached = go_to(world, "atlas read")
    CHANGES[change](world.database(place)[world.collection])
    read_all(device)
    device.save_tokens()
    stalled = device.tasks.pop()
    device.open()
    read_all(device)
    assert device.dirty.structural_due() is not None
    if reached:
        stalled[1].finish()  # of the listener before: this one does not know of it
    settle(world)
    check(world)


def test_other_collections_go_on_meanwhile(world: World) -> None:
    device = begin(world, 0)
    assert go_to(world, "atlas read")
    world.database(0)[world.collection].drop()
    device.local["beside"].insert_one({"_id": KEY})
    read_all(device)
    assert device.hand_out(POLICY, 1)
    assert device.tasks[-1][1].batch.collection == "beside"
    assert not device.hand_out(POLICY, 1), "of the dropped one nothing goes out"
    for _, task in device.tasks:
        task.finish()
    for database in (device.local, device.atlas):
        database.drop_collection("beside")


@pytest.mark.parametrize("later", [False, True])
def test_a_drop_that_is_older_than_an_answer_belongs_to_it(world: World, later: bool) -> None:
    (device,) = world.devices
    world.native_write(0, KEY, delete=False)
    world.settle()
    device.local.drop_collection(world.collection)
    read_all(device)
    pending = device.dirty.structural_due()
    assert pending is not None
    assert pending.change.fact is not None
    databases = {side: device.database(side) for side in BOTH}
    answered = {(Side.LOCAL, world.collection): pending.change.fact.position - later}
    Judge(databases, Limit(), answered, Scope(), KEEP_HOURS).judge(pending.side, pending.change)
    halts = load_halts(device.local)
    assert [halt.collection for halt in halts] == ([world.collection] if later else [])
    assert all([json_util.loads(one) for one in halt.samples] == [KEY] for halt in halts), (
        "what is gone is named"
    )


def test_a_drop_after_which_the_same_documents_came_back_is_no_question(world: World) -> None:
    (device,) = world.devices
    world.native_write(0, KEY, delete=False)
    world.settle()
    documents = list(device.local[world.collection].find())
    device.local.drop_collection(world.collection)
    device.local[world.collection].insert_many(documents)
    read_all(device)
    settle(world)
    assert load_halts(device.local) == ()
    check(world)


def test_documents_that_atlas_rejected_are_not_gone_from_it(world: World) -> None:
    (device,) = world.devices
    world.atlas.create_collection(world.collection, validator={"total": {"$type": "int"}})
    device.local[world.collection].insert_many([{"_id": KEY}, {"_id": KEY + 1, "total": 1}])
    settle(world)
    assert [one["_id"] for one in world.atlas[world.collection].find()] == [KEY + 1]
    device.local[world.collection].delete_one({"_id": KEY + 1})
    settle(world)
    world.atlas.drop_collection(world.collection)
    read_all(device)
    assert judge_due(device)
    assert load_halts(device.local) == ()


def test_a_push_that_was_applied_and_not_recorded_was_there(world: World) -> None:
    device = begin(world, 0)
    assert go_to(world, "atlas committed")
    device.tasks.pop()[1].crash(holding=False)
    device.dirty.give_up(device.dirty.task_ids())
    world.atlas.drop_collection(world.collection)
    read_all(device)
    assert judge_due(device)
    assert [halt.collection for halt in load_halts(device.local)] == [world.collection]
