"""Django's database cannot be written."""

from __future__ import annotations

import contextlib
import random
import resource
import sqlite3

from tests.chaos.faults.fault import Fault
from tests.chaos.world import World


def database_locked(world: World, rng: random.Random) -> Fault:
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


def disk_full(world: World, rng: random.Random) -> Fault:
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
