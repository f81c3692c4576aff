"""The other write exactly between each read and each write, and a crash after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.rule.policy import BOTH_WAYS, Policy, Travel
from syncapp.core.values import BOTH, Ending, Side
from syncapp.engine import atlas_view
from syncapp.store import landings
from syncapp.store.batches import settle
from syncapp.store.names import BATCHES, STATE
from tests.property.stepped_task import HOLDING
from tests.property.world import Device, World
from tests.support.strategies import NAME, offer_greater_v

LOCAL, ATLAS = 0, 1
KEY, OTHER = 1, 2

# What is to be transferred: writes on top of a document that both sides agree on
SCENARIOS: dict[str, list[tuple[int, bool]]] = {
    "pull": [(ATLAS, False)],
    "push": [(LOCAL, False)],
    "pulled delete": [(ATLAS, True)],
    "pushed delete": [(LOCAL, True)],
    "local wins": [(ATLAS, False), (LOCAL, False)],
    "atlas wins": [(LOCAL, False), (ATLAS, False)],
    "deleted here, changed there": [(LOCAL, True), (ATLAS, False)],
    "pushed insert": [(LOCAL, False)],
    "pulled insert": [(ATLAS, False)],
    # The same, noted to have landed instead of written into the state
    "noted push": [(LOCAL, False)],
    "noted delete": [(LOCAL, True)],
    "noted insert": [(LOCAL, False)],
    # Who wins needs the documents, and is judged while no transaction is open
    "judged, local wins": [(ATLAS, False), (LOCAL, False)],
    "judged, atlas wins": [(LOCAL, False), (ATLAS, False)],
    "judged, deleted there": [(ATLAS, True), (LOCAL, False)],
}
FROM_NOTHING = {"pushed insert", "pulled insert", "noted insert"}
POINTS = [
    "states read",
    "atlas read",
    "local read",
    "local written",
    "local committed",
    "atlas read again",
    "atlas written",
    "atlas committed",
    "push recorded",
]
JUDGED = "verdict made"
CASES = [
    (scenario, point)
    for scenario in SCENARIOS
    for point in (*POINTS, JUDGED)
    if point != JUDGED or scenario.startswith("judged")
]


@pytest.fixture
def world(
    databases: tuple[Database[Any], Database[Any]],
    exact_times: None,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    chosen = getattr(request.node, "callspec", None)
    if chosen and chosen.params.get("scenario", "").startswith("noted"):
        monkeypatch.setattr(landings, "FEW", 0)
    offer_greater_v(monkeypatch)
    world = World.build(*databases, 1, Policy())
    world.native_write(LOCAL, KEY, delete=False)
    world.settle()
    yield world
    world.close()


def begin(world: World, scenario: str) -> Device:
    if scenario in FROM_NOTHING:
        world.native_write(LOCAL, KEY, delete=True)
        world.settle()
    world.policy = Policy(NAME) if scenario.startswith("judged") else Policy()
    for place, delete in SCENARIOS[scenario]:
        world.native_write(place, KEY, delete)
    (device,) = world.devices
    hand_out(world)
    return device


def hand_out(world: World) -> None:
    (device,) = world.devices
    for side in BOTH:
        while device.read(side):
            pass
    assert device.hand_out(world.policy, 2)


def go_on(world: World) -> str | None:
    """The newest task goes on to its next point; one that has to wait for a stream is re-queued."""
    (device,) = world.devices
    task = device.tasks[-1][1]
    if task.step(stop_when_holding=True) is not None:
        return task.point
    if task.outcomes is None or task.outcomes[0].ending is not Ending.WAIT:
        return None
    device.end_task(len(device.tasks) - 1, report=True)
    hand_out(world)
    return go_on(world)


def go_to(world: World, point: str) -> bool:
    """Let the newest task go on until it is at this point; False: it never comes there."""
    while (reached := go_on(world)) is not None:
        if reached == point:
            return True
    return False


def test_every_point_is_reached_by_some_scenario(world: World) -> None:
    reached = set()
    for scenario in SCENARIOS:
        begin(world, scenario)
        while (point := go_on(world)) is not None:
            reached.add(point)
        world.settle()
        world.native_write(LOCAL, KEY, delete=False)
        world.settle()
    assert reached >= {*POINTS, JUDGED}


@pytest.mark.parametrize(("scenario", "point"), CASES)
def test_a_worker_that_dies_at_any_point_loses_nothing(world: World, scenario: str, point: str) -> None:
    device = begin(world, scenario)
    if go_to(world, point):
        device.tasks.pop()[1].crash(holding=False)
    world.settle()
    world.check()


def another_task_decides(world: World, place: int, delete: bool) -> None:
    """The listener takes the task for lost, the document changes, and a second task does all the work."""
    (device,) = world.devices
    device.dirty.give_up(device.dirty.task_ids())
    stalled = device.tasks.pop()
    world.native_write(place, KEY, delete)
    world.settle()
    device.tasks.append(stalled)


OTHERS: dict[str, Callable[[World], None]] = {
    "a local write": lambda world: world.native_write(LOCAL, KEY, delete=False),
    "a write on Atlas": lambda world: world.native_write(ATLAS, KEY, delete=False),
    "a local delete": lambda world: world.native_write(LOCAL, KEY, delete=True),
    "another task": lambda world: another_task_decides(world, ATLAS, delete=False),
    # A push that comes late must not land, though Atlas holds again what it saw: nothing
    "another task after a local delete": lambda world: another_task_decides(world, LOCAL, delete=True),
    # What a task read before another found both sides equal is out of date, though nothing was written
    "another task after a delete on Atlas": lambda world: another_task_decides(world, ATLAS, delete=True),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(("scenario", "point"), [case for case in CASES if case[1] not in HOLDING])
def test_what_happens_between_a_read_and_a_write_loses_nothing(
    world: World, scenario: str, point: str, other: str
) -> None:
    begin(world, scenario)
    if go_to(world, point):
        OTHERS[other](world)
    world.settle()
    world.check()


def die_at(world: World, point: str) -> None:
    assert go_to(world, point)
    world.devices[0].tasks.pop()[1].crash(holding=False)


def test_a_conflict_that_local_wins_is_recorded_once_though_its_worker_dies(world: World) -> None:
    """Atlas's version is agreed on before anything is pushed: what is left is an ordinary push."""
    begin(world, "local wins")
    die_at(world, "local committed")
    world.settle()
    world.check()
    assert world.conflicts() == [(3, 2)]


def test_of_a_batch_that_landed_in_part_the_rest_is_not_agreed_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landings, "FEW", 0)
    for key in (KEY, OTHER):
        world.native_write(LOCAL, key, delete=False)
    hand_out(world)
    assert go_to(world, "local committed")
    world.native_write(ATLAS, KEY, delete=False)
    world.settle()
    world.check()
    assert world.conflicts() == [(4, 2)]


def test_a_push_that_was_overtaken_is_made_again_where_no_event_of_atlas_is_read(world: World) -> None:
    """Of an excluded collection, or while sync is disabled: nothing else would ask for it."""
    world.policy = Policy(travel=BOTH_WAYS | {Side.ATLAS: Travel.NEVER})
    world.native_write(LOCAL, KEY, delete=False)
    hand_out(world)
    assert go_to(world, "local committed")
    world.native_write(ATLAS, KEY, delete=False)
    while go_on(world) is not None:
        pass
    assert world.contents(world.atlas) == [world.written[2]]
    assert world.conflicts() == [(2, 3)]


def test_a_push_that_lands_while_its_outcome_is_asked_for_is_no_change_of_atlas(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = begin(world, "push")
    assert go_to(world, "local committed")
    _, stalled = device.tasks.pop()
    device.dirty.give_up(device.dirty.task_ids())

    def it_lands_before(*arguments: Any) -> Any:
        while not stalled.ended and stalled.step() != "atlas committed":
            pass
        stalled.crash(holding=False)
        return settle(*arguments)

    monkeypatch.setattr(atlas_view, "settle", it_lands_before)
    world.settle()
    world.check()
    assert world.contents(world.atlas) == [world.written[2]]


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("point", ["local committed", "atlas committed"])
def test_where_its_marker_has_expired_atlas_shows_whether_a_push_was_applied(
    world: World, point: str, expired: bool
) -> None:
    """Until then the marker shows it. What was applied is agreed on: a later change is no conflict with it."""
    begin(world, "push")
    die_at(world, point)
    (device,) = world.devices
    if expired:
        world.atlas[BATCHES].delete_many({})
        pushed = {"c": world.collection, "i": {"$exists": True}}
        assert device.local[STATE].update_one(pushed, {"$set": {"i.at": 0}}).matched_count
    if point == "atlas committed":
        world.native_write(LOCAL, KEY, delete=False)
    world.settle()
    world.check()
    assert world.conflicts() == []


def test_a_database_that_was_set_back_gets_its_own_later_writes_again(world: World) -> None:
    (device,) = world.devices
    device.save_tokens()
    names = (world.collection, STATE, BATCHES)
    before = {name: list(device.local[name].find()) for name in names}
    world.native_write(LOCAL, KEY, delete=False)
    world.settle()
    for name, documents in before.items():
        device.local[name].delete_many({})
        device.local[name].insert_many(documents)
    del device.saved[Side.LOCAL]  # its oplog was set back too: nothing of this is in it
    device.open()
    world.settle()
    world.check()
    assert world.contents(device.local) == [world.written[2]]
