"""MongoDB and the broker are killed, frozen, stopped, flushed, full, or have a wrong clock."""

from __future__ import annotations

import random
import signal

import redis

from tests.chaos.device import ChaosDevice
from tests.chaos.faults.fault import Fault, Kind
from tests.chaos.mortal import MortalMongod
from tests.chaos.world import World


def _server(world: World, rng: random.Random) -> tuple[str, str, MortalMongod]:
    if rng.random() < 0.4:
        return "Atlas", "Atlas", world.atlas_server
    device = rng.choice(world.devices)
    return "local", device.name, device.server


def mongod_away(verb: str) -> Kind:
    def make(world: World, rng: random.Random) -> Fault:
        kind, place, server = _server(world, rng)
        # A server that is asked to stop takes its time: meanwhile other things break
        away = server.kill if verb == "killed" else lambda: server.signal(signal.SIGTERM)

        def again() -> None:
            server.stop()
            server.start()

        return Fault(f"{kind} mongod {verb}", place, f"{place} mongod", away, rng.uniform(1, 8), again)

    return make


def mongod_frozen(world: World, rng: random.Random) -> Fault:
    kind, place, server = _server(world, rng)
    return Fault(
        f"{kind} mongod frozen",
        place,
        f"{place} mongod",
        lambda: server.signal(signal.SIGSTOP),
        rng.uniform(5, 30),
        lambda: server.signal(signal.SIGCONT),
    )


def clock(world: World, rng: random.Random) -> Fault:
    kind, place, server = _server(world, rng)
    offset = rng.choice([-600, -60, -5, 5, 60, 600])

    def restart(with_offset: int) -> None:
        server.kill()
        server.offset = with_offset
        server.start()

    return Fault(
        f"{kind} mongod's clock off by 5 s to 10 min",
        place,
        f"{place} mongod",
        lambda: restart(offset),
        rng.uniform(10, 30),
        lambda: restart(0),
    )


def broker_killed(world: World, rng: random.Random) -> Fault:
    device = rng.choice(world.devices)
    return Fault(
        "broker killed",
        device.name,
        f"{device.name} broker",
        device.broker.kill,
        rng.uniform(0.5, 8),
        device.broker.start,
    )


def broker_flushed(world: World, rng: random.Random) -> Fault:
    device = rng.choice(world.devices)
    return Fault(
        "broker flushed", device.name, f"{device.name} broker", lambda: _ask_broker(device, "FLUSHALL")
    )


def broker_full(world: World, rng: random.Random) -> Fault:
    device = rng.choice(world.devices)
    return Fault(
        "broker out of memory",
        device.name,
        f"{device.name} broker",
        lambda: _ask_broker(device, "CONFIG", "SET", "maxmemory", "1mb"),
        rng.uniform(3, 15),
        lambda: _ask_broker(device, "CONFIG", "SET", "maxmemory", "0"),
    )


def _ask_broker(device: ChaosDevice, *words: str) -> None:
    with redis.Redis.from_url(device.broker.url) as client:
        client.execute_command(*words)
