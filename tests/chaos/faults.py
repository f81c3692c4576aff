"""Every kind of fault: what it does to which place, and how it is over. Each draws its place, size and length
from the run's random numbers, so that a seed repeats the list of faults."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import redis
from pymongo.errors import PyMongoError

from syncapp.engine.origin import METADATA
from syncapp.engine.values import Side
from syncapp.streams.resume import token_id
from tests.chaos.device import LINKS, ChaosDevice
from tests.chaos.mortal import MortalMongod, faketime
from tests.chaos.world import World
from tests.support.processes import processes_of


def _nothing() -> None:
    """The process manager, or whoever runs `make run`, mends it."""


@dataclass(frozen=True)
class Fault:
    kind: str
    place: str  # "device 2", "Atlas"
    holds: str  # two faults that go on at the same time never hold the same
    begin: Callable[[], None]
    seconds: float = 0.0
    end: Callable[[], None] = _nothing


Kind = Callable[[World, random.Random], Fault]


# Processes of the product


def _kill(name: str) -> Kind:
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


def _freeze(name: str) -> Kind:
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


def _forget_token(side: Side) -> Kind:
    """The listener is killed with it: a living one would save its token again."""

    def make(world: World, rng: random.Random) -> Fault:
        device = rng.choice(world.devices)

        def begin() -> None:
            _signal(device, "listener")
            with contextlib.suppress(PyMongoError):  # its server is away: then only the listener was killed
                device.local[METADATA].delete_one({"_id": token_id(side)})

        return Fault(
            f"{side} resume token deleted, listener killed", device.name, f"{device.name} listener", begin
        )

    return make


def _off(device: ChaosDevice) -> None:
    device.is_off = True
    _signal(device, "starter", signal.SIGTERM)


def _switched_off(world: World, rng: random.Random) -> Fault:
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


def _history_lost(world: World, rng: random.Random) -> Fault:
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


# Servers


def _server(world: World, rng: random.Random) -> tuple[str, str, MortalMongod]:
    if rng.random() < 0.4:
        return "Atlas", "Atlas", world.atlas_server
    device = rng.choice(world.devices)
    return "local", device.name, device.server


def _mongod_away(verb: str) -> Kind:
    def make(world: World, rng: random.Random) -> Fault:
        kind, place, server = _server(world, rng)
        # A server that is asked to stop takes its time: meanwhile other things break
        away = server.kill if verb == "killed" else lambda: server.signal(signal.SIGTERM)

        def again() -> None:
            server.stop()
            server.start()

        return Fault(f"{kind} mongod {verb}", place, f"{place} mongod", away, rng.uniform(1, 8), again)

    return make


def _mongod_frozen(world: World, rng: random.Random) -> Fault:
    kind, place, server = _server(world, rng)
    return Fault(
        f"{kind} mongod frozen",
        place,
        f"{place} mongod",
        lambda: server.signal(signal.SIGSTOP),
        rng.uniform(5, 30),
        lambda: server.signal(signal.SIGCONT),
    )


def _clock(world: World, rng: random.Random) -> Fault:
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


def _broker_killed(world: World, rng: random.Random) -> Fault:
    device = rng.choice(world.devices)
    return Fault(
        "broker killed",
        device.name,
        f"{device.name} broker",
        device.broker.kill,
        rng.uniform(0.5, 8),
        device.broker.start,
    )


def _broker_flushed(world: World, rng: random.Random) -> Fault:
    device = rng.choice(world.devices)
    return Fault(
        "broker flushed", device.name, f"{device.name} broker", lambda: _ask_broker(device, "FLUSHALL")
    )


def _broker_full(world: World, rng: random.Random) -> Fault:
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


# Network


def _network(what: str) -> Kind:
    def make(world: World, rng: random.Random) -> Fault:
        device, name = rng.choice(world.devices), rng.choice(LINKS)
        link = device.links[name]
        latency, rate = rng.uniform(0.02, 0.3), rng.choice([0.0, 200_000.0])
        begin = {"cut": link.cut, "black hole": link.black_hole, "slow": lambda: link.slow(latency, rate)}[
            what
        ]
        target = {"local": "local mongod", "atlas": "Atlas", "broker": "broker"}[name]
        return Fault(
            f"network to {target}: {what}",
            device.name,
            f"{device.name} link {name}",
            begin,
            rng.uniform(2, 25),
            link.heal,
        )

    return make


# Django's database


def _database_locked(world: World, rng: random.Random) -> Fault:
    device, held = rng.choice(world.devices), list[sqlite3.Connection]()

    def begin() -> None:
        connection = sqlite3.connect(device.home / "isthmus.sqlite3", timeout=5, isolation_level=None)
        held.append(connection)
        with contextlib.suppress(sqlite3.OperationalError):  # somebody else holds it for that long
            connection.execute("BEGIN EXCLUSIVE")

    return Fault(
        "Django's database locked",
        device.name,
        f"{device.name} disk",
        begin,
        rng.uniform(5, 25),
        lambda: held.pop().close(),
    )


def _disk_full(world: World, rng: random.Random) -> Fault:
    """No process of the product can write to a file (RLIMIT_FSIZE): not to Django's database, not to logs."""
    device = rng.choice(world.devices)

    def limit(size: int) -> None:
        for name, processes in device.processes().items():
            if name not in {"manager", "starter"}:
                for process in processes:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))

    return Fault(
        "disk full for the product's processes",
        device.name,
        f"{device.name} disk",
        lambda: limit(0),
        rng.uniform(5, 20),
        lambda: limit(resource.RLIM_INFINITY),
    )


KINDS: tuple[tuple[int, Kind], ...] = (  # how often, and what
    (4, _kill("listener")),
    (4, _kill("worker")),
    (4, _kill("worker child")),
    (2, _kill("beat")),
    (2, _kill("web")),
    (1, _kill("flower")),
    (1, _kill("manager")),
    (1, _kill("starter")),
    (1, _switched_off),
    (1, _history_lost),
    (3, _freeze("listener")),
    (2, _freeze("worker")),
    (3, _freeze("worker child")),
    (2, _forget_token(Side.ATLAS)),
    (2, _forget_token(Side.LOCAL)),
    (4, _mongod_away("killed")),
    (2, _mongod_away("stopped and started")),
    (3, _mongod_frozen),
    (2, _clock),
    (3, _broker_killed),
    (3, _broker_flushed),
    (2, _broker_full),
    (4, _network("cut")),
    (4, _network("black hole")),
    (4, _network("slow")),
    (2, _database_locked),
    (2, _disk_full),
)


def possible(kinds: tuple[tuple[int, Kind], ...] = KINDS) -> list[tuple[int, Kind]]:
    """Those that this machine can do."""
    return [(weight, kind) for weight, kind in kinds if kind is not _clock or faketime()]
