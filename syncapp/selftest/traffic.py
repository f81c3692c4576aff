"""Writes in both directions at a steady rate, and how long each takes to the other side.

Nobody's work is disturbed: first it is measured, for half a second on each side, what one client can write there, and the
test takes a share of the slower side.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import PyMongoError

from syncapp.core.values import BOTH, Side
from syncapp.models import Instance
from syncapp.selftest.bench import Bench
from syncapp.selftest.watching import Watch
from syncapp.store.instance import known_instance_id

MEASURE_S = 0.5
LOOK_S = 0.5
LEAST_RATE = 2.0


def writes_a_second(bench: Bench, side: Side) -> float:
    """What one client can write there at the moment, into a collection that sync leaves alone. Raises PyMongoError."""
    there = bench.at(side, bench.unsynced(side))
    there.insert_one({"_id": 1, "n": 0})  # the collection is made before the measurement
    started, number = time.monotonic(), 0
    while (took := time.monotonic() - started) < MEASURE_S:
        there.update_one({"_id": 1}, {"$inc": {"n": 1}})
        number += 1
    return number / took


@dataclass(frozen=True, slots=True)
class Rate:
    """Writes a second on both sides together. `able`: what one client can do on each side."""

    value: float
    able: Mapping[Side, float]
    share: float
    wanted: float | None = None

    @property
    def is_limited(self) -> bool:
        return self.wanted is not None and self.wanted > self.value


def rate_of(bench: Bench, share: float, most: float | None = None) -> Rate:
    """The given rate if it is below the share of what the servers can do, which is also the default. Raises PyMongoError."""
    able = {side: writes_a_second(bench, side) for side in BOTH}
    allowed = max(LEAST_RATE, share * min(able.values()))
    wanted = bench.wanted.rate
    value = min(allowed, most or allowed) if wanted is None else min(allowed, wanted)
    return Rate(value, able, share, wanted)


@dataclass
class Flow:
    """One direction. `pending`: of each document the writes that have not arrived: number and time."""

    source: Side
    name: str
    written: int = 0
    latencies: list[float] = field(default_factory=list)  # seconds, from before the write to its event
    pending: dict[str, deque[tuple[int, float]]] = field(default_factory=lambda: defaultdict(deque))
    error: PyMongoError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def arrived(self) -> int:
        return len(self.latencies)

    def write(self, bench: Bench, documents: int) -> None:
        number = self.written + 1
        key = str(number % documents)
        with self._lock:
            self.pending[key].append((number, time.monotonic()))
        bench.at(self.source, self.name).update_one({"_id": key}, {"$set": {"n": number}}, upsert=True)
        self.written = number

    def saw(self, event: Mapping[str, Any]) -> None:
        """On the other side. An older write of the same document has arrived with it."""
        now, document = time.monotonic(), event.get("fullDocument")
        if document is None:
            return
        with self._lock:
            waiting = self.pending[document["_id"]]
            while waiting and waiting[0][0] <= document["n"]:
                self.latencies.append(now - waiting.popleft()[1])

    def percentile_ms(self, share: float) -> float:
        """The latency that this share of the writes did not exceed; 0: none has arrived."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass
class Traffic:
    """`run` writes for so many seconds, and waits until everything has arrived, or for as long as the bench does."""

    bench: Bench
    rate: float
    seconds: float
    queue: list[int] = field(default_factory=list)  # pending changes, as the listener reports them
    wrote_s: float = 0.0

    def run(self) -> list[Flow]:
        """Raises PyMongoError."""
        bench = self.bench
        flows = [Flow(side, bench.scratch("traffic")) for side in BOTH]
        with ExitStack() as stack:
            watches = [
                stack.enter_context(Watch(bench.at(flow.source.other, flow.name), flow.saw)) for flow in flows
            ]
            self._write(flows)
            self._wait(flows)
        for error in (*(flow.error for flow in flows), *(watch.error for watch in watches)):
            if error is not None:
                raise error
        return flows

    def _write(self, flows: list[Flow]) -> None:
        over = threading.Event()
        writers = [
            threading.Thread(
                target=self._write_one, args=(flow, over), name="self-test's writer", daemon=True
            )
            for flow in flows
        ]
        started = time.monotonic()
        try:
            for writer in writers:
                writer.start()
            while any(writer.is_alive() for writer in writers):
                writers[0].join(LOOK_S)
                writers[1].join(LOOK_S / 10)
                self.queue.append(self._pending())
        finally:
            over.set()  # after an interrupt nothing more is written
            for writer in writers:
                writer.join()
        self.wrote_s = time.monotonic() - started

    def _write_one(self, flow: Flow, over: threading.Event) -> None:
        started, every = time.monotonic(), len(BOTH) / self.rate
        try:
            for number in range(max(1, round(self.seconds / every))):
                if over.wait(max(0.0, started + number * every - time.monotonic())):
                    return
                flow.write(self.bench, self.bench.most_documents)
                if time.monotonic() - started > self.seconds:
                    return  # the server is slower than it was
        except PyMongoError as error:
            flow.error = error

    def _wait(self, flows: list[Flow]) -> None:
        deadline = time.monotonic() + self.bench.patience
        while any(flow.arrived < flow.written for flow in flows) and time.monotonic() < deadline:
            time.sleep(0.05)
            self.queue.append(self._pending())

    def _pending(self) -> int:
        device = Instance.objects.filter(instance_id=known_instance_id(self.bench.local))
        return device.values_list("queue_size", flat=True).first() or 0


def directions(flows: list[Flow]) -> Iterator[tuple[str, Flow]]:
    """Each with the beginning of its figures' names."""
    for flow in flows:
        yield ("localToAtlas" if flow.source is Side.LOCAL else "atlasToLocal"), flow
