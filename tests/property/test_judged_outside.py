"""Conflicts whose strategy needs documents: judged while no transaction is open, on contents that still count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Ending
from syncapp.store.conflicts import read_uncopied
from tests.property.world import World
from tests.support.strategies import NAME, Asked, offer_greater_v

LOCAL, ATLAS = 0, 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return offer_greater_v(monkeypatch)


@pytest.fixture
def world(databases: tuple[Database[Any], Database[Any]], exact_times: None, asked: Asked) -> Iterator[World]:
    world = World.build(*databases, 1, Policy(NAME))
    yield world
    world.close()


def conflict(world: World, *places: int) -> None:
    world.native_write(LOCAL, 1, delete=False)
    world.settle()
    for place in places:
        world.native_write(place, 1, delete=False)


def held_up_at_the_verdict(world: World) -> None:
    """A task has asked the strategy, and has not gone on yet."""
    (device,) = world.devices
    for side in BOTH:
        while device.read(side):
            pass
    assert device.hand_out(world.policy, 10)
    while (point := device.tasks[-1][1].step()) != "verdict made":
        if point is None:  # the streams had not been read past the contents
            device.end_task(0, report=True)
            held_up_at_the_verdict(world)
            return


def end(world: World) -> None:
    (device,) = world.devices
    device.tasks[0][1].finish()
    device.end_task(0, report=True)
    world.settle()
    world.check()


def held(world: World, key: int = 1) -> list[int]:
    databases = (world.devices[0].local, world.atlas)
    return [database[world.collection].find_one({"_id": key})["v"] for database in databases]  # type: ignore[index]


@pytest.mark.parametrize(("places", "winner"), [((LOCAL, ATLAS), 3), ((ATLAS, LOCAL), 3)])
def test_the_strategy_has_both_documents_and_no_transaction_is_open(
    world: World, asked: Asked, places: tuple[int, int], winner: int
) -> None:
    conflict(world, *places)
    world.settle()
    world.check()
    assert held(world) == [winner, winner]
    assert asked.versions == [(2, 3) if places == (LOCAL, ATLAS) else (3, 2)], "it is asked once"
    assert not asked.in_transaction
    (record,) = read_uncopied(world.devices[0].local)
    assert (record.strategy, record.because) == (NAME, "{} is compared with {}".format(*asked.versions[0]))


@pytest.mark.parametrize("place", [LOCAL, ATLAS])
def test_a_verdict_on_a_content_that_has_changed_meanwhile_is_not_taken(
    world: World, asked: Asked, place: int
) -> None:
    conflict(world, *((LOCAL, ATLAS) if place == LOCAL else (ATLAS, LOCAL)))
    held_up_at_the_verdict(world)
    world.native_write(place, 1, delete=False)
    end(world)
    assert held(world) == [4, 4], "the later write, though the verdict was for the other side"
    assert len(asked.versions) == 2
    assert 4 in asked.versions[1]


def test_a_verdict_is_not_taken_after_somebody_else_has_decided(world: World, asked: Asked) -> None:
    """Both contents are those again; but Atlas's is a new change now, on top of what was agreed on."""
    conflict(world, ATLAS, LOCAL)
    held_up_at_the_verdict(world)
    (device,) = world.devices
    device.dirty.give_up(device.dirty.task_ids())
    stalled = device.tasks.pop()
    before = world.written[2]
    world.settle()
    assert held(world) == [3, 3]
    collection = world.atlas[world.collection]
    collection.replace_one({"_id": 1}, {**bson.decode(before), "taken": "back"})
    collection.update_one({"_id": 1}, {"$unset": {"taken": ""}})
    device.tasks.append(stalled)
    stalled[1].finish()
    device.end_task(0, report=False)
    world.settle()
    assert held(world) == [2, 2]
    assert len(read_uncopied(device.local)) == 1, "an ordinary change is no conflict"


def test_a_document_over_which_the_strategy_fails_holds_up_no_other(world: World, asked: Asked) -> None:
    for key in (1, 2):
        world.native_write(LOCAL, key, delete=False)
    world.settle()
    for key in (1, 2):
        world.native_write(ATLAS, key, delete=False)
        world.native_write(LOCAL, key, delete=False)
    asked.fails_for = frozenset({4})
    held_up_at_the_verdict(world)
    (device,) = world.devices
    device.tasks[0][1].finish()
    outcomes = device.tasks[0][1].outcomes or []
    found = {one.ending: one.reason for one in outcomes}
    assert found == {Ending.RETRY: "ArithmeticError: cannot compare 4", Ending.DONE: ""}
    assert held(world, 2) == [6, 6]
    asked.fails_for = frozenset()
    end(world)
    assert held(world, 1) == [4, 4]
