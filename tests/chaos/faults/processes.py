"""Processes of a device are killed, frozen, switched off, or forget where they were."""

from __future__ import annotations

import contextlib
import os
import random
import signal

from pymongo.errors import PyMongoError

from syncapp.core.values import Side
from syncapp.store.names import METADATA, token_id
from tests.chaos.device import ChaosDevice
from tests.chaos.faults.fault import Fault, Kind
from tests.chaos.world import World
from tests.support.processes import processes_of


def kill(name: str) -> Kind:
    def make(world: World, rng: random.Random) -> Fault:
        device = rng.choice(world.devices)
        return Fault(f"{name} killed", device.name, f"{device.name} {name}", lambda: _signal(device, name))

    return make


def _signal(device: ChaosDevice, name: str, number: signal.Signals = signal.SIGKILL) -> list[int]:
    """To all processes of this name that there are just now; returns their ids."""
    pids = [process.pid for process in device.processes().get(name, [])]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids


def freeze(name: str) -> Kind:
    def make(world: World, rng: random.Random) -> Fault:
        device, frozen = rng.choice(world.devices), list[int]()

        def thaw() -> None:
            living = {process.pid for process in processes_of(device.home)}
            for pid in living.intersection(frozen):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        return Fault(
            f"{name} frozen",
            device.name,
            f"{device.name} {name}",
            lambda: frozen.extend(_signal(device, name, signal.SIGSTOP)),
            rng.uniform(5, 20),
            thaw,
        )

    return make


def forget_token(side: Side) -> Kind:
    """The listener is killed with it: a living one would save its token again."""

    def make(world: World, rng: random.Random) -> Fault:
        device = rng.choice(world.devices)

        def begin() -> None:
            _signal(device, "listener")
            with contextlib.suppress(PyMongoError):  # its server is down: then only the listener was killed
                device.local[METADATA].delete_one({"_id": token_id(side)})

        return Fault(
            f"{side} resume token deleted, listener killed", device.name, f"{device.name} listener", begin
        )

    return make


def _off(device: ChaosDevice) -> None:
    device.is_off = True
    _signal(device, "starter", signal.SIGTERM)


def switched_off(world: World, rng: random.Random) -> Fault:
    device = rng.choice(world.devices)

    def on() -> None:
        device.is_off = False

    return Fault(
        "switched off and on",
        device.name,
        f"{device.name} power",
        lambda: _off(device),
        rng.uniform(10, 40),
        on,
    )


def history_lost(world: World, rng: random.Random) -> Fault:
    """Off for longer than the oplogs reach back, which no test has the time for: neither token can be resumed."""
    device = rng.choice(world.devices)

    def on() -> None:
        device.is_off = False
        with contextlib.suppress(PyMongoError):
            device.local[METADATA].delete_many({"_id": {"$in": [token_id(side) for side in Side]}})

    return Fault(
        "switched off, both resume tokens lost",
        device.name,
        f"{device.name} power",
        lambda: _off(device),
        rng.uniform(10, 40),
        on,
    )
