"""A filter: what does not match is not on this device, and nothing is stored about it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson import SON
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.values import Side
from syncapp.engine import atlas_view
from syncapp.mongo.matching import matching
from syncapp.store import landings
from syncapp.store.conflicts import read_uncopied
from tests.property.examples import share_of_examples
from tests.property.test_protocol import WRITES, Schedule
from tests.property.test_rules import NO_RULES, change, check_intended, compare, compared, rules_of
from tests.property.world import Device, World

Databases = tuple[Database[Any], Database[Any]]
LOCAL, ATLAS = 0, 1
A, B = ({"filter": {"shop": shop}} for shop in "ab")


@pytest.fixture
def world(databases: Databases, exact_times: None) -> Iterator[World]:
    world = World.build(*databases, 1, rules_of(**A))
    yield world
    world.close()


def write(world: World, place: int, key: int, shop: str) -> None:
    world.extra = {"shop": shop}
    world.native_write(place, key, delete=False)


def delete(world: World, place: int, key: int) -> None:
    world.native_write(place, key, delete=True)


def held(world: World, place: int) -> dict[int, tuple[int, str]]:
    found = world.database(place)[world.collection].find()
    return {one["_id"]: (one["v"], one["shop"]) for one in found}


def states(world: World, device: Device) -> list[dict[str, Any]]:
    """Those that do not expire."""
    landings.fold(device.local, 60, lambda seconds: None)
    return list(device.local["_sync_state"].find({"c": world.collection, "gone": {"$exists": False}}))


def check_rest(world: World) -> None:
    """Nothing is left to do, and a comparison finds nothing either."""
    before = held(world, LOCAL), held(world, ATLAS)
    check_intended(world)
    compare(world)
    world.devices[0].open()
    world.settle()
    assert (held(world, LOCAL), held(world, ATLAS)) == before


def test_nothing_is_stored_about_a_document_that_was_never_here(world: World) -> None:
    write(world, ATLAS, 1, "b")
    world.settle()
    write(world, ATLAS, 1, "b")
    compare(world)
    assert held(world, LOCAL) == {}
    delete(world, ATLAS, 1)
    compare(world)
    (device,) = world.devices
    assert list(device.local["_sync_state"].find({"c": world.collection})) == []
    assert list(device.local["_sync_dirty"].find({"c": world.collection})) == []


def test_it_leaves_by_an_edit_on_atlas_and_comes_again(world: World) -> None:
    write(world, ATLAS, 1, "a")
    world.settle()
    assert held(world, LOCAL) == {1: (1, "a")}
    write(world, ATLAS, 1, "b")
    world.settle()
    assert (held(world, LOCAL), held(world, ATLAS)) == ({}, {1: (2, "b")})
    check_rest(world)
    assert states(world, world.devices[0]) == []
    delete(world, ATLAS, 1)
    world.settle()
    write(world, ATLAS, 1, "a")
    world.settle()
    assert held(world, LOCAL) == {1: (4, "a")}
    check_rest(world)


@pytest.mark.parametrize("there_before", [True, False])
def test_it_leaves_by_an_edit_here_once_atlas_has_it(world: World, there_before: bool) -> None:
    if there_before:
        write(world, LOCAL, 1, "a")
        world.settle()
    write(world, LOCAL, 1, "b")
    world.settle()
    assert (held(world, LOCAL), held(world, ATLAS)) == ({}, {1: (world.writes, "b")})
    check_rest(world)
    assert states(world, world.devices[0]) == []
    assert world.conflicts() == []


def test_whether_it_matches_is_said_of_the_version_that_was_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is edited on Atlas between the two questions: what is brought here matches in any case."""
    write(world, ATLAS, 1, "b")
    asked = []

    def edited_before(*arguments: Any) -> Any:
        if not asked:
            asked.append(write(world, ATLAS, 1, "a"))
        return matching(*arguments)

    monkeypatch.setattr(atlas_view, "matching", edited_before)
    (device,) = world.devices
    while device.read(Side.ATLAS):
        pass
    assert device.hand_out(world.policy, 1)
    device.tasks[-1][1].finish()
    device.end_task(0, report=True)
    assert held(world, LOCAL) == {}
    world.settle()
    assert held(world, LOCAL) == {1: (2, "a")}


def test_what_both_sides_let_leave_goes(world: World) -> None:
    write(world, LOCAL, 1, "a")
    world.settle()
    for place in (LOCAL, ATLAS):
        world.database(place)[world.collection].update_one({"_id": 1}, {"$set": {"shop": "b"}})
    world.settle()
    assert (held(world, LOCAL), held(world, ATLAS)) == ({}, {1: (1, "b")})


@pytest.mark.parametrize("later", [LOCAL, ATLAS])
def test_changed_here_and_moved_there_is_a_conflict(world: World, later: int) -> None:
    write(world, LOCAL, 1, "a")
    world.settle()
    for place in (1 - later, later):
        write(world, place, 1, "b" if place == ATLAS else "a")
    world.settle()
    (record,) = read_uncopied(world.devices[0].local)
    assert sorted(bson.decode(raw or b"")["v"] for raw in record.versions.values()) == [2, 3]
    assert held(world, ATLAS) == {1: (3, "b" if later == ATLAS else "a")}
    assert held(world, LOCAL) == ({} if later == ATLAS else held(world, ATLAS))
    check_rest(world)


def test_a_new_one_here_does_not_go_over_one_that_is_there(world: World) -> None:
    write(world, ATLAS, 1, "b")
    world.settle()
    write(world, LOCAL, 1, "a")
    world.settle()
    (record,) = read_uncopied(world.devices[0].local)
    assert {bson.decode(raw or b"")["v"] for raw in record.versions.values()} == {1, 2}
    check_rest(world)


def test_a_copy_may_be_kept(world: World) -> None:
    change(world, rules_of(**A, onLeave="keep"))
    write(world, ATLAS, 1, "a")
    world.settle()
    for _ in range(2):
        write(world, ATLAS, 1, "b")
        world.settle()
        assert (held(world, LOCAL), held(world, ATLAS)) == ({1: (1, "a")}, {1: (world.writes, "b")})
        check_rest(world)
    write(world, ATLAS, 1, "a")
    world.settle()
    assert held(world, LOCAL) == held(world, ATLAS)
    write(world, ATLAS, 1, "b")
    world.settle()
    delete(world, ATLAS, 1)
    world.settle()
    assert held(world, LOCAL) == {1: (4, "a")}, "it is not deleted for others' sake"
    check_rest(world)
    write(world, LOCAL, 1, "a")
    world.settle()
    assert held(world, LOCAL) == held(world, ATLAS) == {1: (world.writes, "a")}


def test_a_kept_copy_goes_when_it_is_not_to_be_kept_any_more(world: World) -> None:
    change(world, rules_of(**A, onLeave="keep"))
    write(world, ATLAS, 1, "a")
    world.settle()
    write(world, ATLAS, 1, "b")
    world.settle()
    change(world, rules_of(**A))
    compare(world)
    assert held(world, LOCAL) == {}
    change(world, rules_of(**A, onLeave="keep"))
    change(world, NO_RULES)
    compare(world)
    assert held(world, LOCAL) == held(world, ATLAS)


def test_leaving_is_no_delete(world: World) -> None:
    change(world, rules_of(**A, deletes={"atlasToLocal": False}))
    for key in (1, 2):
        write(world, ATLAS, key, "a")
    world.settle()
    write(world, ATLAS, 1, "b")
    delete(world, ATLAS, 2)
    world.settle()
    assert held(world, LOCAL) == {2: (2, "a")}


def test_another_filter_brings_and_drops(world: World) -> None:
    for key, shop in ((1, "a"), (2, "b"), (3, "a")):
        write(world, ATLAS, key, shop)
    world.settle()
    change(world, rules_of(**B))
    write(world, LOCAL, 3, "a")  # it is not on Atlas yet
    compare(world)
    assert held(world, LOCAL) == {2: (2, "b")}
    assert held(world, ATLAS) == {1: (1, "a"), 2: (2, "b"), 3: (4, "a")}
    check_rest(world)
    change(world, NO_RULES)
    compare(world)
    assert held(world, LOCAL) == held(world, ATLAS)
    assert read_uncopied(world.devices[0].local) == []


def test_what_a_task_from_before_the_filter_brings_after_it_was_given_up_goes(world: World) -> None:
    """Nobody listens to its report, and nothing is stored about what is not here: no counter stops it."""
    (device,) = world.devices
    change(world, NO_RULES)
    write(world, ATLAS, 1, "b")
    while not device.hand_out(world.policy, 10):
        device.read(Side.ATLAS)
    _, late = device.tasks.pop()
    while late.step() != "atlas read":
        pass
    device.dirty.give_up(device.dirty.task_ids())
    change(world, rules_of(**A))
    compare(world)
    assert held(world, LOCAL) == {}
    late.finish()
    world.settle()
    assert held(world, LOCAL) == {}
    check_rest(world)


def test_the_filter_is_the_servers(world: World) -> None:
    expression = {"$or": [{"at": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}, {"tags": {"$size": 2}}]}
    change(world, rules_of(filter=expression))
    at = bson.decode(bson.encode({"at": bson.DatetimeMS(1_800_000_000_000)}))["at"]
    world.atlas[world.collection].insert_many(
        [
            SON([("_id", 1), ("v", 1), ("at", at)]),
            {"_id": 2, "v": 1, "tags": [1, 2]},
            {"_id": 3, "v": 1, "tags": 2},
        ]
    )
    world.settle()
    found = world.database(LOCAL)[world.collection].find({}, {"_id": 1}).sort("_id", 1)
    assert [one["_id"] for one in found] == [1, 2]


def test_a_document_over_which_the_filter_fails_blocks_no_comparison(world: World) -> None:
    change(world, rules_of(filter={"$expr": {"$lt": [{"$divide": [10, "$n"]}, 5]}}))
    documents = [{"_id": key, "v": key, "n": n} for key, n in enumerate((5, 0, 1, 0, 4), start=1)]
    world.atlas[world.collection].insert_many(documents)
    assert sorted(bson.decode(one.key.id_bson)["_id"] for one in compared(world)) == [1, 2, 4, 5]
    change(world, rules_of(filter={"$expr": {"$noSuchOperator": 1}}))
    with pytest.raises(OperationFailure):
        compared(world)


@pytest.mark.timeout(3600)
@share_of_examples(0.1)
@given(seed=st.integers(0, 2**32 - 1))
def test_each_device_holds_its_own_in_every_order_of_events_and_tasks(
    databases: Databases, exact_times: None, few_kept: None, seed: int
) -> None:
    world = World.build(*databases, 2, NO_RULES)
    rng = random.Random(seed)
    plain = world.native_write

    def moving(place: int, key: int, delete: bool) -> None:
        world.extra = {"shop": rng.choice("ab")}
        plain(place, key, delete)

    world.native_write = moving  # type: ignore[method-assign]
    for device, parts in zip(world.devices, (A, B), strict=True):
        device.rules = rules_of(**parts)
    try:
        Schedule(world, NO_RULES.policy(world.collection), seed).run(WRITES)
        world.settle()
        final = world.contents(world.atlas)
        for device, shop in zip(world.devices, "ab", strict=True):
            assert world.contents(device.local) == [raw for raw in final if bson.decode(raw)["shop"] == shop]
            assert len(states(world, device)) == len(world.contents(device.local)), (
                "of foreign ones nothing is kept"
            )
        world.check_kept()
        for raw in final:
            assert raw == world.written[bson.decode(raw)["v"]], "a document is not as it was written"
    finally:
        world.close()
