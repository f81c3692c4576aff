"""Each attempt is a batch of its own: one that used the id of another would find its marker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core import decide
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Batch, Ending
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.store.names import BATCHES
from tests.property.world import World

LOCAL, ATLAS = 0, 1
KEY, OTHER = 1, 2
KEYS = (KEY, OTHER)


@pytest.fixture
def world(databases: tuple[Database[Any], Database[Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(decide, "PUSH_LAG_SECONDS", 3_600)  # no push waits: the first attempt writes
    world = World.build(*databases, 1, Policy())
    for key in KEYS:
        world.native_write(LOCAL, key, delete=False)
    world.settle()
    yield world
    world.close()


def task(world: World) -> Batch:
    """What the listener hands to a worker."""
    (device,) = world.devices
    for side in BOTH:
        while device.read(side):
            pass
    assert device.hand_out(world.policy, len(KEYS))
    _, stepped = device.tasks.pop()
    stepped.crash(holding=False)  # before it began
    return stepped.batch


def process(world: World, batch: Batch, **more: Callable[[Any], None]) -> list[Ending]:
    (device,) = world.devices
    processor = ChangeProcessor(device.local, device.atlas, device.instance_id, **more)
    outcomes = processor.process(batch, world.policy)  # type: ignore[arg-type]
    return [one.ending for one in outcomes]


class Killed(BaseException):
    """The worker."""


def killed_at(point: str) -> Callable[[str], None]:
    def at(reached: str) -> None:
        if reached == point:
            raise Killed

    return at


@pytest.mark.parametrize("point", ["local committed", "atlas read again", "atlas committed", "push recorded"])
@pytest.mark.parametrize("side", BOTH)
def test_a_task_that_is_delivered_again_is_finished(world: World, side: str, point: str) -> None:
    """After its worker was killed: what that one wrote is there, what it only intended is kept out for ever."""
    pushes = side == "local"
    for key in KEYS:
        world.native_write(LOCAL if pushes else ATLAS, key, delete=False)
    batch = task(world)
    if pushes or point == "local committed":
        with pytest.raises(Killed):
            process(world, batch, at=killed_at(point))
    for _ in range(2):
        assert process(world, batch) == [Ending.DONE] * 2
    assert world.contents(world.atlas) == [world.written[3], world.written[4]]
    world.settle()
    world.check()
    assert world.conflicts() == []


def test_what_meets_a_write_conflict_is_pushed_by_the_same_task(world: World) -> None:
    """Its first attempt is written here and kept out there for ever: the second one is another batch."""
    for key in KEYS:
        world.native_write(LOCAL, key, delete=False)
    batch = task(world)
    waits = []
    with world.atlas.client.start_session() as session:
        session.start_transaction()
        world.atlas[world.collection].update_one({"_id": KEY}, {"$set": {"held": True}}, session=session)

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            session.abort_transaction()

        assert process(world, batch, sleep=sleep) == [Ending.DONE] * 2
    assert len(waits) == 1
    (device,) = world.devices
    markers = [one["_id"] for one in device.local[BATCHES].find()]
    cancelled = [one["_id"] for one in world.atlas[BATCHES].find({"cancelled": True})]
    assert set(cancelled) & set(markers), "the first attempt"
    assert world.contents(world.atlas) == [world.written[3], world.written[4]]
    world.settle()
    world.check()
    assert world.conflicts() == []
