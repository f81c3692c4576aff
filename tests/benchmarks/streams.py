"""What the streams of many devices cost Atlas: as many change streams as there are devices, with the listener's own pipeline
and waits, and nothing else of the devices. From that the arithmetic for any number of them (docs/growing.md)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.beats import spacing_s
from syncapp.listener.intervals import USUAL
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import connect
from syncapp.store.names import DEVICES
from syncapp.store.stream import pipeline
from tests.benchmarks.meters import cpu_seconds
from tests.benchmarks.workloads import insert
from tests.benchmarks.world import World

RATE = 20.0  # writes a second, each on its own, as in a quiet shop
BACKLOG = 4_000  # writes at once
EXCLUDED = Exclusions.of(["sessions", "logs", "notifications"])
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Streams:
    """Microseconds of Atlas's CPU. `idle`: of one stream in a second. The others: of one event and stream: one that comes
    alone, one of a backlog, and one that the stream does not want (another device's heartbeat)."""

    streams: int
    idle: float
    alone: float
    backlog: float
    foreign: float

    def cores(self, devices: int, writes: float, *, together: bool = False) -> float:
        """Of Atlas, for so many devices and writes a second of all of them together, each of which is pushed alone: the
        document and its batch marker are two events for every stream. Events come one by one, and each device has something to
        beat for, which is the most that they can cost; or `together`, as in a backlog, and devices are idle, which is the least."""
        busy_s, idle_s = spacing_s(devices, USUAL)
        beats = devices / (idle_s if together else max(USUAL.heartbeat, busy_s))
        event, beat = (self.backlog, self.backlog) if together else (self.alone, self.foreign)
        per_stream = self.idle + 2 * writes * event + beats * beat
        return devices * per_stream / 1e6


@dataclass(frozen=True)
class _Spent:
    """Seconds of Atlas's CPU."""

    quiet: float
    alone: float
    backlog: float
    foreign: float


class _Readers:
    """So many streams, each read by a thread as the listener does it."""

    def __init__(self, database: Database[Any], count: int) -> None:
        self.seen = [0] * count
        self._stopping = threading.Event()
        self._streams = [
            ChangeStream.open(database, pipeline(Side.ATLAS, EXCLUDED, f"device {number}"), 100, None)
            for number in range(count)
        ]
        self._threads = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _read(self, number: int) -> None:
        times = 1
        while not self._stopping.is_set():
            fetched = self._streams[number].fetch(round(USUAL.idle_fetch * 1000), times)
            self.seen[number] += len(fetched.events)
            times = 5 if fetched.full else 1  # as for a backlog

    def wait_for(self, events: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while min(self.seen, default=events) < events:
            assert time.monotonic() < deadline, f"{min(self.seen)} of {events} events came"
            time.sleep(0.05)

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for stream in self._streams:
            stream.close()


def streams(world: World, counts: tuple[int, ...], seconds: float) -> list[Streams]:
    """For each number of streams. What the writes cost without any stream is subtracted."""
    without = _spent(world, 0, seconds)
    found = []
    for count in counts:
        spent = _spent(world, count, seconds)
        polls = spent.quiet - without.quiet
        events = RATE * seconds
        found.append(
            Streams(
                count,
                idle=1e6 * polls / (count * seconds),
                alone=1e6 * (spent.alone - without.alone - polls) / (count * events),
                backlog=1e6 * (spent.backlog - without.backlog) / (count * BACKLOG),
                foreign=1e6 * (spent.foreign - without.foreign - polls) / (count * events),
            )
        )
    return found


def _spent(world: World, count: int, seconds: float) -> _Spent:
    name = world.new_name()
    options = "&maxPoolSize=1000"
    database = connect(world.atlas.uri(name) + options, "streams")
    database["orders"].insert_one({"_id": "first"})
    with reading(database, count) as readers:
        quiet = atlas_cpu(world, lambda: time.sleep(seconds))
        alone = atlas_cpu(
            world, lambda: _steadily(seconds, lambda n: database["orders"].insert_one({"_id": n}))
        )
        beat = {"counter": 1, "nonce": "n", "shown": {"lag": 1, "queue": 0, "name": "another device"}}
        write = lambda n: database[DEVICES].replace_one({"_id": "other"}, {**beat, "counter": n}, upsert=True)  # noqa: E731
        foreign = atlas_cpu(world, lambda: _steadily(seconds, write))
        before = min(readers.seen, default=0)

        def backlog() -> None:
            insert(database["bills"], BACKLOG)
            readers.wait_for(before + BACKLOG)

        many = atlas_cpu(world, backlog)
    database.client.close()
    world.drop(name)
    return _Spent(quiet, alone, many, foreign)


@contextmanager
def reading(database: Database[Any], count: int) -> Iterator[_Readers]:
    readers = _Readers(database, count)
    try:
        time.sleep(1.0)
        yield readers
    finally:
        readers.close()


def atlas_cpu(world: World, act: Callable[[], object]) -> float:
    """Seconds of CPU that Atlas spends meanwhile, and until what it still has to send is sent."""
    assert world.atlas.process is not None
    before = cpu_seconds(world.atlas.process.pid)
    act()
    return cpu_seconds(world.atlas.process.pid) - before


def _steadily(seconds: float, write: Callable[[int], object]) -> None:
    began = time.monotonic()
    for number in range(int(RATE * seconds)):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        write(number)
    time.sleep(max(0.0, began + seconds - time.monotonic()))
