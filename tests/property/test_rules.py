"""Rules of a collection: what they keep back stays where it is, and comes when they let it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.compare.differences import Compared, compare_range
from syncapp.compare.ranges import read_range
from syncapp.compare.second_look import as_the_rules_say
from syncapp.core.rule.collection_rule import DELETES, CollectionRules, Direction
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.rules.rules import Rules
from syncapp.store import projections
from syncapp.store.conflicts import read_uncopied
from syncapp.store.dirty import mark_dirty
from tests.property.examples import share_of_examples
from tests.property.test_protocol import WRITES, Schedule
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]
KEYS = (1, 2)
PLACES = {Side.LOCAL: 0, Side.ATLAS: 1}
NO_RULES = Rules(True, False, "last-write-wins", Exclusions(), 1)


def rules_of(**parts: Any) -> Rules:
    return replace(NO_RULES, collections=CollectionRules.of([{"pattern": "*", **parts}]))


def compared(world: World) -> list[Compared]:
    """As a comparison and a verify see both sides."""
    (device,) = world.devices
    assert isinstance(world.policy, Rules)
    policy = world.policy.policy(world.collection)
    expression = policy.rule.filter
    found = read_range(device.local, world.atlas, world.collection, None, expression=expression)
    return compare_range(device.local, world.collection, found, policy)


def compare(world: World) -> None:
    """As a comparison run does it: what is not as agreed is sent to the listener."""
    mark_dirty(
        world.devices[0].local, [one.key for one in compared(world) if not one.settled], "a comparison"
    )
    world.settle()


def check_intended(world: World) -> None:
    assert isinstance(world.policy, Rules)
    policy = world.policy.policy(world.collection)
    assert all(as_the_rules_say(one, policy) for one in compared(world)), "verify would count a difference"


def held(world: World, side: Side) -> dict[int, int]:
    """By key: the version that stands there."""
    return versions_in(world, world.atlas if side is Side.ATLAS else world.devices[0].local)


def versions_in(world: World, database: Database[Any]) -> dict[int, int]:
    return {one["_id"]: one["v"] for one in database[world.collection].find()}


def change(world: World, rules: Rules) -> None:
    world.policy = rules


@pytest.mark.timeout(3600)
@share_of_examples(0.1)
@given(data=st.data(), direction=st.sampled_from(Direction))
def test_versions_go_only_where_their_direction_lets_them(
    databases: Databases, exact_times: None, data: st.DataObject, direction: Direction
) -> None:
    world = World.build(*databases, 1, rules_of(direction=direction.value))
    own: dict[Side, dict[int, int]] = {side: {} for side in Side}  # what its applications wrote last
    last: dict[int, Side] = {}
    try:
        for _ in range(data.draw(st.integers(1, 8), label="writes")):
            side, key = data.draw(st.sampled_from(Side)), data.draw(st.sampled_from(KEYS))
            delete = data.draw(st.integers(0, 3), label="0 deletes") == 0
            before = world.writes
            world.native_write(PLACES[side], key, delete)
            if world.writes > before:
                last[key] = side
                own[side].pop(key, None)
                if not delete:
                    own[side][key] = world.writes
            if data.draw(st.booleans(), label="sync looks now"):
                world.settle()
        world.settle()
        for side in Side:
            if not direction.carries(side.other):
                assert held(world, side) == own[side], f"the {side} side received something"
            elif not direction.carries(side):
                for key, by in last.items():
                    if by is side.other:
                        assert held(world, side).get(key) == own[by].get(key), "it did not arrive"
        if direction is Direction.BOTH:
            world.check()
        check_intended(world)
        compare(world)
        check_intended(world)
        change(world, NO_RULES)
        compare(world)
        world.check(times_known=False)
    finally:
        world.close()


def test_a_rule_is_stored_as_it_is_shown() -> None:
    rules = rules_of(direction="none").collections
    assert CollectionRules.of(json.loads(json.dumps([one.as_document() for one in rules.rules]))) == rules


STAYING = st.sampled_from([{"localToAtlas": False}, {"atlasToLocal": False}, dict.fromkeys(DELETES, False)])


@pytest.mark.timeout(3600)
@share_of_examples(0.1)
@given(data=st.data(), deletes=STAYING)
def test_deletes_that_do_not_travel_are_agreed_on_and_nothing_comes_back(
    databases: Databases, exact_times: None, data: st.DataObject, deletes: dict[str, bool]
) -> None:
    world = World.build(*databases, 1, rules_of(deletes=deletes))
    (device,) = world.devices
    stay = {DELETES[name] for name in deletes}
    expected: dict[Side, dict[int, int]] = {side: {} for side in Side}
    try:
        for _ in range(data.draw(st.integers(1, 8), label="writes")):
            side, key = data.draw(st.sampled_from(Side)), data.draw(st.sampled_from(KEYS))
            delete, before = data.draw(st.booleans(), label="delete"), world.writes
            world.native_write(PLACES[side], key, delete)
            if world.writes == before:
                continue
            for one in (side,) if delete and side in stay else Side:
                expected[one].pop(key, None)
                if not delete:
                    expected[one][key] = world.writes
            world.settle()
            act = data.draw(st.sampled_from([None, device.open, lambda: compare(world)]))
            if act:  # a listener that starts over at its first token; a comparison
                act()
                world.settle()
            assert {one: held(world, one) for one in Side} == expected
            check_intended(world)
        assert world.conflicts() == []
        change(world, NO_RULES)
        compare(world)
        assert {one: held(world, one) for one in Side} == expected, "what was agreed on stays so"
    finally:
        world.close()


@pytest.mark.timeout(3600)
@share_of_examples(0.1)
@given(seed=st.integers(0, 2**32 - 1), deletes=STAYING)
def test_they_hold_in_every_order_of_events_and_tasks(
    databases: Databases, exact_times: None, few_kept: None, seed: int, deletes: dict[str, bool]
) -> None:
    rules = rules_of(deletes=deletes)
    stay = {DELETES[name] for name in deletes}
    world = World.build(*databases, 2, rules)
    try:
        Schedule(world, rules.policy(world.collection), seed).run(WRITES)
        world.settle()
        there = held(world, Side.ATLAS)
        for device in world.devices:
            here = versions_in(world, device.local)
            for key in KEYS:
                gone = {
                    side for side, versions in zip(Side, (here, there), strict=True) if key not in versions
                }
                assert here.get(key) == there.get(key) or gone & stay, f"key {key} of {device.name} differs"
        world.check_kept()
        for winner, loser in world.conflicts():
            assert len(stay) < len(Side) or None not in (winner, loser), "a delete that stays is no conflict"
    finally:
        world.close()


OWN = ("mine", "deep.mine")


class OwnWrites:
    """Applications that write fields of their own into documents, with a value that names their side."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng, self._write = world, rng, world.native_write
        world.native_write = self.write  # type: ignore[method-assign]
        self.edits = 0

    def write(self, place: int, key: int, delete: bool) -> None:
        collection = self._world.database(place)[self._world.collection]
        if self._rng.random() < 0.5:
            self._write(place, key, delete)
        if self._rng.random() < 0.5:
            field = self._rng.choice(OWN)
            change = {"$set": {field: f"{place}: {self._rng.random()}"}}
            self.edits += collection.update_one({"_id": key}, change).modified_count


@pytest.mark.timeout(3600)
@share_of_examples(0.1)
@given(seed=st.integers(0, 2**32 - 1))
def test_own_fields_are_never_changed_by_sync(
    databases: Databases, exact_times: None, few_kept: None, seed: int
) -> None:
    rules = rules_of(ownFields=list(OWN))
    world = World.build(*databases, 2, rules)
    world.extra = {"deep": {"shared": 1}}
    own = rules.policy("").projection
    try:
        OwnWrites(world, random.Random(seed))
        Schedule(world, rules.policy(world.collection), seed).run(20)
        world.settle()
        final = [own.bare(raw) for raw in world.contents(world.atlas)]
        for place in range(3):
            contents = world.contents(world.database(place))
            assert [own.bare(raw) for raw in contents] == final, "what is shared converges"
            for document in map(bson.decode, contents):
                for value in (document.get("mine"), document["deep"].get("mine")):
                    assert value is None or value.startswith(f"{place}: "), "it came from the other side"
        for raw in final:
            assert raw == world.written[bson.decode(raw or b"")["v"]], "a document is not as it was written"
        world.check_kept()
    finally:
        world.close()


def test_an_edit_of_own_fields_alone_moves_nothing(world: World) -> None:
    change(world, rules_of(ownFields=list(OWN)))
    (device,) = world.devices
    world.native_write(0, 1, delete=False)
    world.settle()
    moved = device.pulls, device.pushes
    for place in (0, 1):
        world.database(place)[world.collection].update_one({"_id": 1}, {"$set": {"mine": place}})
    world.settle()
    assert (device.pulls, device.pushes) == moved
    check_intended(world)
    assert [one.settled for one in compared(world)] == [True]


@pytest.mark.parametrize("edited", [(), (0,), (1,), (0, 1)])
@pytest.mark.parametrize("held_by", [(0,), (1,), (0, 1)])
def test_what_is_shared_from_now_on_loses_no_version(
    world: World, held_by: tuple[int, ...], edited: tuple[int, ...]
) -> None:
    """States that were made under other own fields are judged under those first."""
    change(world, rules_of(ownFields=["mine"]))
    (device,) = world.devices
    for key in (1, 2):
        world.native_write(0, key, delete=False)
    world.settle()
    for place in held_by:
        world.database(place)[world.collection].update_one({"_id": 1}, {"$set": {"mine": place}})
    world.settle()
    for place in edited:  # of both what is shared and what is own
        world.database(place)[world.collection].update_one({"_id": 1}, {"$set": {"edit": place}})
    change(world, NO_RULES)
    compare(world)
    final = world.contents(world.atlas)[0]
    assert world.contents(device.local) == world.contents(world.atlas)
    records = read_uncopied(device.local)
    held = [
        bson.decode(final),
        *(bson.decode(raw) for one in records for raw in one.versions.values() if raw),
    ]
    for place in held_by:
        assert any(one.get("mine") == place for one in held), f"what {place} held is lost"
    for place in edited:
        assert any(one.get("edit") == place for one in held), f"what {place} edited is lost"
    assert len(records) == (1 if len({*held_by, *edited}) > 1 else 0)


@pytest.mark.parametrize("before", [[], ["mine"]])
def test_what_becomes_own_is_no_change(world: World, before: list[str]) -> None:
    """By the pairs of the former projection: nothing has compared them anew."""
    change(world, rules_of(ownFields=before))
    (device,) = world.devices
    collection = device.local[world.collection]
    for key in (1, 2):
        world.native_write(0, key, delete=False)
    world.settle()
    collection.update_many({}, {"$set": {"mine": 1, "more": 1}})
    world.settle()
    if before:
        world.atlas[world.collection].update_many({}, {"$set": {"mine": 2}})
        world.settle()
    moved = device.pulls, device.pushes
    change(world, rules_of(ownFields=["mine", "more"]))
    collection.update_one({"_id": 1}, {"$set": {"more": 2}})
    world.settle()
    assert (device.pulls, device.pushes) == moved
    collection.update_one({"_id": 2}, {"$set": {"edit": 1}})
    world.settle()
    compare(world)
    assert (device.pulls, device.pushes) == (moved[0], moved[1] + 1)
    assert read_uncopied(device.local) == []


def test_an_unknown_projection_is_taken_for_a_conflict(world: World) -> None:
    change(world, rules_of(ownFields=["mine"]))
    (device,) = world.devices
    world.native_write(0, 1, delete=False)
    world.settle()
    device.local["_sync_metadata"].delete_many({"_id": {"$regex": "^projection:"}})
    projections._known.pop(rules_of(ownFields=["mine"]).policy("").projection.id, None)
    change(world, NO_RULES)
    world.native_write(1, 1, delete=False)
    world.settle()
    assert world.contents(device.local) == world.contents(world.atlas)
    assert len(read_uncopied(device.local)) == 1


@pytest.fixture
def world(databases: Databases, exact_times: None) -> Iterator[World]:
    world = World.build(*databases, 1, NO_RULES)
    yield world
    world.close()
