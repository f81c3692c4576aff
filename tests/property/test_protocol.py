"""The protocol on real servers: one Atlas, two devices, native writes on every side, events read in any
order, tasks that stall, die, are repeated or never report, and listeners that start again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.values import Side
from syncapp.store import landings
from tests.property.examples import share_of_examples
from tests.property.world import Device, World
from tests.support.strategies import NAME, offer_greater_v

DEVICES = 2
KEYS = 2
WRITES = 30
Act = tuple[float, str, Callable[[], object]]


class Schedule:
    """Acts drawn one after the other among what can happen now, with weights that let tasks meet.

    All of it follows from one seed: Hypothesis's own state machines choose every rule about equally often,
    which mostly writes, and then vary one run many times.
    """

    def __init__(self, world: World, policy: Policy, seed: int) -> None:
        self.world = world
        self.policy = policy
        self.rng = random.Random(seed)
        self.overtakes = self.rng.random() < 0.3  # the collection goes first, and is read past a backlog
        landings.FEW = self.rng.choice((0, 0, 1, KEYS))  # some pushes are noted to have landed, some written

    def run(self, writes: int) -> None:
        """Go on until so many writes were made; what is unfinished then stays so."""
        while writes:
            acts: list[Act] = [(1.0, "an application writes", self.write)]
            for device in self.world.devices:
                acts += self.acts_of(device)
            weights = [weight for weight, _, _ in acts]
            ((_, name, act),) = self.rng.choices(acts, weights)
            writes -= act == self.write
            note(name)
            act()

    def acts_of(self, device: Device) -> list[Act]:
        rng = self.rng
        acts: list[Act] = [
            (2, f"{device.name} reads local", lambda: device.read(Side.LOCAL)),
            (2, f"{device.name} reads atlas", lambda: device.read(Side.ATLAS)),
            (0.3, f"{device.name} saves its tokens", device.save_tokens),
            (0.1, f"{device.name} starts its listener again", device.open),
            (
                0.2,
                f"{device.name} folds what landed",
                lambda: landings.fold(device.local, 60, lambda _: None),
            ),
        ]
        if self.overtakes:
            side, name = rng.choice((Side.LOCAL, Side.ATLAS)), self.world.collection
            acts += [
                (1.0, f"{device.name} reads {side} ahead", lambda: device.read_ahead(side, name)),
                (0.2, f"{device.name} reads {side} ahead no more", lambda: device.fall_back(side)),
            ]
        if device.dirty.look(0.0, 0.0).fullest:
            limit = rng.randint(1, KEYS)
            acts.append((3, f"{device.name} hands out", lambda: device.hand_out(self.policy, limit)))
        if device.tasks:
            # Mostly the newest goes on, so that older ones are met by what was decided since
            index = max(rng.randrange(len(device.tasks)), rng.randrange(len(device.tasks)))
            point = device.tasks[index][1].point
            acts += [
                (6, f"{device.name} task {index} goes on from {point!r}", lambda: self.go_on(device, index)),
                (0.3, f"{device.name} task {index} dies after {point!r}", lambda: self.crash(device, index)),
                (0.6, f"{device.name} asks again", lambda: device.dirty.give_up(device.dirty.task_ids())),
            ]
        return acts

    def write(self) -> None:
        place = self.rng.randrange(DEVICES + 1)  # the last one is Atlas
        self.world.native_write(place, self.rng.randint(1, KEYS), delete=self.rng.random() < 0.2)

    def go_on(self, device: Device, index: int) -> None:
        if device.tasks[index][1].step() is None:
            device.end_task(index, report=self.rng.random() < 0.9)

    def crash(self, device: Device, index: int) -> None:
        device.tasks[index][1].crash(holding=self.rng.random() < 0.5)
        del device.tasks[index]


@pytest.mark.timeout(3600)
@given(seed=st.integers(0, 2**32 - 1))
def test_devices_converge_and_nothing_is_lost(
    databases: tuple[Database[Any], Database[Any]], exact_times: None, few_kept: None, seed: int
) -> None:
    run(databases, Policy(), seed)


@pytest.mark.timeout(3600)
@share_of_examples(0.4)
@given(seed=st.integers(0, 2**32 - 1))
def test_so_they_do_if_who_wins_is_judged_outside_of_transactions(
    databases: tuple[Database[Any], Database[Any]], exact_times: None, few_kept: None, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        asked = offer_greater_v(monkeypatch)
        run(databases, Policy(NAME), seed)
    assert not asked.in_transaction


def run(databases: tuple[Database[Any], Database[Any]], policy: Policy, seed: int) -> None:
    world = World.build(*databases, DEVICES, policy)
    try:
        Schedule(world, policy, seed).run(WRITES)
        world.settle()
        world.check()
    finally:
        world.close()
