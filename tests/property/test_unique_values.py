"""Documents that exchange the values of a unique index, in every order and batch, in both directions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.values import DocumentKey, Ending, Outcome, Side
from tests.property.world import Device, World

POLICY = Policy()
PLACES = {"local": 0, "atlas": 1}


@pytest.fixture
def world(databases: tuple[Database[Any], Database[Any]], exact_times: None) -> Iterator[World]:
    world = World.build(*databases, 1, POLICY)
    yield world
    world.close()


def both(world: World) -> list[Database[Any]]:
    return [world.devices[0].local, world.atlas]


def begin(world: World, values: list[str]) -> None:
    """Documents 0, 1, … with these values, on both sides, each with a unique index on them."""
    world.atlas[world.collection].insert_many([{"_id": n, "u": value} for n, value in enumerate(values)])
    world.settle()
    for database in both(world):
        database[world.collection].create_index("u", unique=True)


def rotate(collection: Any, keys: list[int], values: list[str]) -> None:
    """Write these values, though each is held by another of the documents until the last moment."""
    for key in keys:
        collection.update_one({"_id": key}, {"$set": {"u": f"between {key}"}})
    for key, value in zip(keys, values, strict=True):
        collection.update_one({"_id": key}, {"$set": {"u": value}})


def process(device: Device, limit: int) -> list[Outcome]:
    """Read both streams and process all in batches of `limit`, as they come. Returns what is not done."""
    outcomes: dict[DocumentKey, Outcome] = {}
    for _ in range(20):
        for side in Side:
            while device.read(side):
                pass
        if not device.hand_out(POLICY, limit):
            break
        task = device.tasks[-1][1]
        task.finish()
        outcomes |= {one.key: one for one in task.outcomes or ()}
        device.end_task(len(device.tasks) - 1, report=True)
    return [one for one in outcomes.values() if one.ending is not Ending.DONE]


def values(world: World) -> list[dict[int, str]]:
    return [{one["_id"]: one["u"] for one in database[world.collection].find()} for database in both(world)]


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("place", PLACES)
def test_three_documents_pass_a_unique_value_round(
    world: World, place: str, order: tuple[int, ...], limit: int
) -> None:
    begin(world, ["a", "b", "c"])
    rotate(world.database(PLACES[place])[world.collection], list(order), [["b", "c", "a"][n] for n in order])
    ended = process(world.devices[0], limit)
    assert not [one for one in ended if one.ending is Ending.REJECTED]
    world.settle()
    assert values(world) == [{0: "b", 1: "c", 2: "a"}] * 2


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("place", PLACES)
def test_a_value_that_a_deleted_document_held_can_be_taken(world: World, place: str, limit: int) -> None:
    begin(world, ["a", "b"])
    collection = world.database(PLACES[place])[world.collection]
    collection.delete_one({"_id": 0})
    collection.insert_one({"_id": 2, "u": "a"})
    ended = process(world.devices[0], limit)
    assert not [one for one in ended if one.ending is Ending.REJECTED]
    world.settle()
    assert values(world) == [{1: "b", 2: "a"}] * 2


@pytest.mark.parametrize("place", PLACES)
def test_a_value_that_stays_taken_rejects_the_document_and_names_the_holder(world: World, place: str) -> None:
    begin(world, ["a", "b"])
    source = world.database(PLACES[place])[world.collection]
    source.drop_index("u_1")
    source.insert_many([{"_id": 5, "u": "a"}, {"_id": 6, "u": "z"}, {"_id": 7, "u": "z"}])
    rejected = process(world.devices[0], 10)
    assert {one.ending for one in rejected} == {Ending.REJECTED}
    held_by = {int(one.key.id_bson[9]): one.other_id and one.other_id[9] for one in rejected}
    assert held_by in ({5: 0, 6: 7}, {5: 0, 7: 6})
    assert all(one.code == 11000 and one.other_document for one in rejected)
    target = values(world)[1 - PLACES[place]]
    assert sorted(target.values()) == ["a", "b", "z"], "the others are there"
