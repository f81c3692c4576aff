"""The protocol on real servers: one Atlas, two devices, native writes on every side, events read in any
order, tasks that stall, die, are repeated or never report, and listeners that start again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.engine import decide
from syncapp.engine.connect import connect
from syncapp.engine.decide import Policy
from syncapp.engine.values import BOTH
from tests.property.world import Device, World

DEVICES = 2
KEYS = 2
devices = st.integers(0, DEVICES - 1)
sides = st.sampled_from(BOTH)


class Protocol(RuleBasedStateMachine):
    databases: ClassVar[tuple[Database[Any], Database[Any]]]
    policy: ClassVar[Policy] = Policy()

    @initialize()
    def start(self) -> None:
        self.world = World.build(*self.databases, DEVICES, self.policy)

    def device(self, index: int) -> Device:
        return self.world.devices[index]

    @rule(place=st.integers(0, DEVICES), key=st.integers(1, KEYS), delete=st.sampled_from([False] * 4 + [True]))
    def an_application_writes(self, place: int, key: int, delete: bool) -> None:
        self.world.native_write(place, key, delete)

    @rule(index=devices, side=sides)
    def a_stream_is_read(self, index: int, side: Any) -> None:
        self.device(index).read(side)

    @rule(index=devices, side=sides)
    def a_stream_is_read_to_its_end(self, index: int, side: Any) -> None:
        while self.device(index).read(side):
            pass

    @rule(index=devices, limit=st.integers(1, KEYS))
    def keys_are_handed_out(self, index: int, limit: int) -> None:
        self.device(index).hand_out(self.policy, limit)

    @precondition(lambda self: any(device.tasks for device in self.world.devices))
    @rule(index=devices, which=st.integers(0, 9), steps=st.integers(1, 8), report=st.sampled_from([True] * 4 + [False]))
    def a_task_goes_on(self, index: int, which: int, steps: int, report: bool) -> None:
        tasks = self.device(index).tasks
        if not tasks:
            return
        which %= len(tasks)
        for _ in range(steps):
            if tasks[which][1].step() is None:
                self.device(index).end_task(which, report)
                return

    @precondition(lambda self: any(device.tasks for device in self.world.devices))
    @rule(index=devices, which=st.integers(0, 9), holding=st.booleans())
    def a_worker_dies(self, index: int, which: int, holding: bool) -> None:
        tasks = self.device(index).tasks
        if tasks:
            which %= len(tasks)
            tasks[which][1].crash(holding)
            tasks.pop(which)

    @rule(index=devices)
    def the_listener_asks_again(self, index: int) -> None:
        dirty = self.device(index).dirty
        dirty.give_up(list(dirty.tasks))

    @rule(index=devices)
    def tokens_are_saved(self, index: int) -> None:
        self.device(index).save_tokens()

    @rule(index=devices)
    def a_listener_starts_again(self, index: int) -> None:
        self.device(index).open()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.settle()
                self.world.check()
            finally:
                self.world.close()


@pytest.fixture
def exact_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A push may carry the time of a change that is up to a second older; here everything happens within
    a second, so the time must be exact."""
    monkeypatch.setattr(decide, "PUSH_LAG_SECONDS", -1)


@pytest.fixture
def databases(local_server: Mongod, atlas_server: Mongod) -> Iterator[tuple[Database[Any], Database[Any]]]:
    local = connect(local_server.uri("protocol"), "test")
    atlas = connect(atlas_server.uri("protocol"), "test")
    yield local, atlas
    for number in range(DEVICES):
        local.client.drop_database(f"{local.name}_{number}")
    atlas.client.drop_database(atlas.name)
    local.client.close()
    atlas.client.close()


@pytest.mark.timeout(900)
def test_devices_converge_and_nothing_is_lost(
    databases: tuple[Database[Any], Database[Any]], exact_times: None
) -> None:
    Protocol.databases = databases
    run_state_machine_as_test(
        Protocol, settings=settings(stateful_step_count=60, max_examples=settings().max_examples)
    )
