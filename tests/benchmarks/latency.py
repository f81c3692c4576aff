"""How long a write takes until it can be read on the other side, at a steady rate."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from syncapp.core.values import Side
from tests.benchmarks.contenders import Product, contender
from tests.benchmarks.figures import percentile
from tests.benchmarks.workloads import SMALL, Documents
from tests.benchmarks.world import World

MAX_AWAIT_MS = 100
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Latency:
    """Milliseconds at a rate of writes a second."""

    contender: str
    source: str
    rate: float
    p50: float
    p95: float
    p99: float
    most: float
    round_trip_ms: int = 0
    worked: float | None = None  # of p50, in the task of the product's worker


def latencies(
    name: str, world: World, source: Side, rates: list[float], seconds: float,
    *, round_trip_ms: int = 0, atlas_port: int = 0,
) -> list[Latency]:  # fmt: skip
    found = []
    with contender(name, world, source, atlas_port) as one:
        one.start()
        for rate in rates:
            collection = f"rate_{rate:.0f}"
            values = measure(one.source[collection], one.target[collection], rate, seconds)
            points = [percentile(values, percent) for percent in (50, 95, 99)]
            worked = worked_ms(one.device.lines("worker"), collection) if isinstance(one, Product) else None
            found.append(Latency(name, str(source), rate, *points, values[-1], round_trip_ms, worked))
    return found


def worked_ms(log: str, collection: str) -> float:
    """The median time of the worker's tasks for a collection."""
    pattern = rf"collection={collection} .*took_ms=([\d.]+)"
    return percentile(sorted(float(taken) for taken in re.findall(pattern, log)), 50)


def measure(
    source: Documents, target: Documents, rate: float, seconds: float, at_once: int = 1
) -> list[float]:
    """Milliseconds from just before each insert to when the other side's stream shows it, sorted.

    `at_once`: documents of one insert, where a command for each would be too slow.
    """
    source.insert_one({"_id": "warm up"})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while target.find_one() is None:
        assert time.monotonic() < deadline, "nothing arrives"
        time.sleep(0.01)
    count = round(rate * seconds)
    sent: dict[int, float] = {}
    shown: dict[int, float] = {}
    with target.watch([{"$project": {"documentKey": 1}}], max_await_time_ms=MAX_AWAIT_MS) as stream:
        writer = threading.Thread(target=_write, args=(source, rate, count, at_once, sent), daemon=True)
        writer.start()
        deadline = time.monotonic() + seconds + PATIENCE_SECONDS
        while len(shown) < count:
            event = stream.try_next()
            if event is not None:
                shown[event["documentKey"]["_id"]] = time.monotonic()
            assert time.monotonic() < deadline, f"{count - len(shown)} of {count} writes did not arrive"
        writer.join()
    return sorted((shown[number] - sent[number]) * 1000 for number in sent)


def _write(documents: Documents, rate: float, count: int, at_once: int, sent: dict[int, float]) -> None:
    """At an even pace. One that the server cannot follow is made up for, and shows."""
    text = "x" * (SMALL - 60)
    started = time.monotonic()
    try:
        for first in range(0, count, at_once):
            numbers = range(first, min(count, first + at_once))
            time.sleep(max(0.0, started + first / rate - time.monotonic()))
            sent.update(dict.fromkeys(numbers, time.monotonic()))
            documents.insert_many([{"_id": number, "v": 1, "text": text} for number in numbers])
    except PyMongoError:
        pass  # the reader misses the rest, and says how much
