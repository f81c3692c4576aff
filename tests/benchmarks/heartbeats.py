"""What the heartbeats of idle devices cost Atlas: as many change streams as there are devices, and the devices' heartbeats beside
them, as the listener raises them; and as they would be if each look raised them, as it was before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.listener.beats import Beats, spacing_s
from syncapp.listener.intervals import USUAL
from syncapp.mongo.connect import connect
from syncapp.store.devices import DeviceReport, count_devices
from syncapp.store.heartbeat import Heartbeat
from tests.benchmarks.streams import atlas_cpu, reading
from tests.benchmarks.world import World

REPORT = DeviceReport(
    version="0.1.0", host="till:4711:0a1b2c3d", headroom_s={"local": 90_000, "atlas": 90_000}
)


@dataclass(frozen=True)
class Heartbeats:
    """Percent of one core of Atlas, beyond the waiting streams. `each_look`: if every look, every 5 s, raised the counters.
    `now`: as they are raised. `beats`: how many these were, in `seconds`."""

    devices: int
    seconds: float
    quiet: float
    each_look: float
    each_look_beats: int
    now: float
    now_beats: int


class _Device:
    def __init__(self, number: int, local: Database[Any], atlas: Database[Any]) -> None:
        self.heartbeat = Heartbeat(local, atlas, f"device {number}", REPORT.as_document)
        self._ahead_s = 0.0
        clock: Callable[[], float] = lambda: time.monotonic() + self._ahead_s  # noqa: E731
        self.beats = Beats(self.heartbeat, lambda: REPORT, lambda: count_devices(atlas), USUAL, clock)

    def begin(self, ago_s: float) -> None:
        """It has beaten so long ago."""
        self.beats.beat()
        self._ahead_s = ago_s


def heartbeats(world: World, counts: tuple[int, ...], seconds: float) -> list[Heartbeats]:
    return [_measured(world, count, seconds) for count in counts]


def _measured(world: World, count: int, seconds: float) -> Heartbeats:
    name = world.new_name()
    atlas = connect(world.atlas.uri(name) + "&maxPoolSize=1000", "heartbeats")
    client = connect(world.local.uri(name), "heartbeats").client
    locals_ = [client[f"{name}_{number}"] for number in range(count)]
    devices = [_Device(number, local, atlas) for number, local in enumerate(locals_)]
    atlas["orders"].insert_one({"_id": "first"})
    with reading(atlas, count):
        quiet = atlas_cpu(world, lambda: time.sleep(seconds))
        each = atlas_cpu(world, lambda: _look(devices, seconds, lambda one: one.heartbeat.beat()))
        each_beats = _counters(atlas)
        for number, device in enumerate(devices):  # at different times, as devices do
            device.begin(number / count * spacing_s(count, USUAL)[1])
        counters = _counters(atlas)
        now = atlas_cpu(world, lambda: _look(devices, seconds, lambda one: one.beats.beat()))
        beaten = _counters(atlas) - counters
    for local in locals_:
        client.drop_database(local)
    atlas.client.close()
    client.close()
    world.drop(name)
    share = 100 / seconds
    return Heartbeats(
        count, seconds, quiet * share, (each - quiet) * share, each_beats, (now - quiet) * share, beaten
    )


def _look(devices: list[_Device], seconds: float, act: Callable[[_Device], object]) -> None:
    """Each device looks every five seconds, one after the other."""
    began, number = time.monotonic(), 0
    gap = USUAL.heartbeat / len(devices)
    while (at := number * gap) < seconds:
        time.sleep(max(0.0, began + at - time.monotonic()))
        act(devices[number % len(devices)])
        number += 1
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def _counters(atlas: Database[Any]) -> int:
    return sum(int(one["counter"]) for one in atlas["_sync_devices"].find({}, {"counter": 1}))
