"""Several devices on one Atlas: how fast changes reach everybody."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from tests.benchmarks.contenders import DEFAULTS
from tests.benchmarks.drain import last_write, wait_until_equal
from tests.benchmarks.workloads import insert
from tests.benchmarks.world import World
from tests.support.device import Addresses, Device


@dataclass(frozen=True)
class Fleet:
    """`seconds`: until every device held every change. `source`: "atlas", or "devices", each of which made
    an equal part."""

    devices: int
    source: str
    changes: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.changes / self.seconds

    @property
    def transfers_per_second(self) -> float:
        """A device's change goes up once, and down to all others."""
        return self.devices * self.changes / self.seconds


def fleet(world: World, devices: int, count: int) -> list[Fleet]:
    atlas_name = world.new_name()
    names = [world.new_name() for _ in range(devices)]
    atlas = world.atlas_client[atlas_name]
    locals_ = [world.local_client[name] for name in names]
    found = []
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(names):
            # A broker database of its own, since all share the server
            broker = world.broker.url.rpartition("/")[0] + f"/{number + 1}"
            addresses = Addresses(world.local.uri(name), world.atlas.uri(atlas_name), broker)
            device = Device(world.folder / name, addresses, world.template, **DEFAULTS)
            stack.callback(device.end)
            device.start()
        for source in ("atlas", "devices"):
            began = time.time()
            if source == "atlas":
                insert(atlas[source], count)
                count_all = count
            else:
                part = count // devices
                count_all = part * devices
                for number, local in enumerate(locals_):
                    insert(local[source], part, first=number * part)
            everybody = [local[source] for local in locals_]
            if source == "devices":
                everybody = [atlas[source], *everybody]
            wanted = (count_all, count_all)
            for one in everybody:
                wait_until_equal(wanted, one)
            ended = max(last_write(one.database, [source]) for one in everybody)
            found.append(Fleet(devices, source, count_all, ended - began))
    for name in [atlas_name, *names]:
        world.drop(name)
    return found
