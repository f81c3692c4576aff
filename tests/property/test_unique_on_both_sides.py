"""Both sides move values of unique indexes between the same documents at once: that comes to rest, and every difference
that is left has a name."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.content import document_key, id_of
from syncapp.core.rule.policy import LAST_WRITE_WINS, Policy
from syncapp.core.values import DocumentKey, Ending, Outcome, Side
from syncapp.store.conflicts import read_uncopied
from tests.property.examples import share_of_examples
from tests.property.unique_kinds import COUNT, KINDS, assign, begin, documents, work
from tests.property.world import Device, World
from tests.support.dirty import bring

STRATEGIES = [LAST_WRITE_WINS, LAST_WRITE_WINS, "local-wins", "atlas-wins", "manual"]


def move(world: World, kind: str, place: int, version: int, rng: random.Random) -> None:
    """A permutation, or a shift to values that are free."""
    order = list(range(COUNT))
    moved = rng.sample(order, rng.randrange(2, COUNT))
    spare = rng.choice([0, 0, 2])
    for number, value in zip(
        moved, rng.sample([*moved, *range(COUNT, COUNT + spare)], len(moved)), strict=True
    ):
        order[number] = value
    changed = documents(kind, order, version)
    assign(world.database(place), world.collection, [changed[number] for number in moved], moved)


def differences(world: World, device: Device) -> set[DocumentKey]:
    here, there = (
        {document_key(world.collection, id_of(one)): one for one in world.contents(database)}
        for database in (device.local, world.atlas)
    )
    return {key for key in here.keys() | there.keys() if here.get(key) != there.get(key)}


def last_word(device: Device) -> dict[DocumentKey, Outcome]:
    """Of each key, as Django keeps it: a rejected change, until it is done."""
    over = (Ending.DONE, Ending.REJECTED)
    return {one.key: one for _, outcomes in device.ended for one in outcomes if one.ending in over}


def check(world: World, device: Device) -> set[DocumentKey]:
    """Returns the keys that were rejected."""
    words = last_word(device)
    for key in differences(world, device):
        one = words[key]
        if one.ending is Ending.REJECTED:
            assert (one.code, bool(one.other_id)) == (11000, True), f"{one.reason}: by whom?"
        else:
            assert one.open_conflict, f"{key} differs, and nothing says so"
    return {key for key, one in words.items() if one.ending is Ending.REJECTED}


@pytest.mark.timeout(3600)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    strategy=st.sampled_from(STRATEGIES),
    limit=st.sampled_from([1, 3, 50]),
    seed=st.integers(0, 1 << 32),
)
@example(kind="several", strategy=LAST_WRITE_WINS, limit=1, seed=66916)
@share_of_examples(0.3)
def test_what_both_sides_permute_comes_to_rest_equal_or_named(
    databases: tuple[Database[Any], Database[Any]],
    exact_times: None,
    gathers_little: None,
    kind: str,
    strategy: str,
    limit: int,
    seed: int,
) -> None:
    rng = random.Random(seed)
    policy = Policy(strategy)
    world = World.build(*databases, 1, policy)
    try:
        begin(world, kind, COUNT)
        device = world.devices[0]
        for place in (0, 1):
            move(world, kind, place, 2 + place, rng)
        work(device, limit, rng, policy)
        world.settle()
        refused = check(world, device)
        event("some are refused" if refused else "all equal or held")

        # What was refused is tried again, as the sweep does it
        for key in refused:
            bring(device.dirty, Side.LOCAL, key)
        work(device, limit, rng, policy)
        world.settle()
        check(world, device)
        records = [one for one in read_uncopied(device.local, 1_000) if one.collection == world.collection]
        assert len({one.id_bson for one in records}) == len(records), "one conflict was recorded twice"
    finally:
        world.close()


def test_one_that_was_refused_while_in_conflict_is_decided_with_those_that_want_its_value(
    databases: tuple[Database[Any], Database[Any]], exact_times: None
) -> None:
    """Nothing else would ask for it: the other one would wait, or be refused, for a value that is given up."""
    world = World.build(*databases, 1, Policy())
    try:
        begin(world, "plain", 3)
        device = world.devices[0]
        local, atlas = (world.database(place)[world.collection] for place in (0, 1))
        local.update_one({"_id": 0}, {"$set": {"u": 10}})
        local.update_one({"_id": 1}, {"$set": {"u": 5}})
        time.sleep(0.01)
        atlas.update_one({"_id": 0}, {"$set": {"u": 5}})
        world.settle()
        assert len(check(world, device)) == 2, "each holds what the other one wants on the other side"

        local.update_one({"_id": 1}, {"$set": {"u": 7}})
        world.settle()
        assert len(check(world, device)) == 1
        atlas.update_one({"_id": 2}, {"$set": {"u": 10}})
        world.settle()
        assert not check(world, device)
        assert [one["u"] for one in local.find(sort=[("_id", 1)])] == [5, 7, 10]
    finally:
        world.close()
