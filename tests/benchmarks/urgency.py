"""Payments that go first, made on both sides while many changes of a collection that goes last wait after an outage: how long
each takes to arrive, and when the rest is there."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo.database import Database

from syncapp.core.values import BOTH, Side
from tests.benchmarks.contenders import Product, contender
from tests.benchmarks.drain import last_write, wait_until_equal
from tests.benchmarks.figures import percentile
from tests.benchmarks.meters import memory_mb
from tests.benchmarks.workloads import SMALL, fingerprint, insert
from tests.benchmarks.world import Document, World

FIRST, LAST = "payments", "analytics"
RULES = "\n".join(
    (
        "from syncapp.models import CollectionRule",
        "from syncapp.rules.switches import raise_version",
        *(
            f"CollectionRule.objects.create(pattern='{name}', document={{'pattern': '{name}', 'urgency': '{urgency}'}})"
            for name, urgency in ((FIRST, "first"), (LAST, "last"))
        ),
        "raise_version()",
    )
)
AWAY, PAYMENTS, RATE = (
    10,
    500,
    100.0,
)  # made during the outage; afterwards, and how many a second; on each side


@dataclass(frozen=True)
class Urgent:
    """Milliseconds, of payments to one side, until that side's own oplog shows them. `away`: the longest of those that were
    made during the outage, from its end; the others are of those made afterwards. `rest`: seconds until all that waited had
    arrived. `memory_mb`: the listener's peak."""

    contender: str
    source: str  # where what waits was written
    waiting: int
    target: str
    away: float
    p50: float
    p95: float
    most: float
    rest: float
    memory_mb: float


def urgency(name: str, world: World, source: Side, waiting: int) -> list[Urgent]:
    """An outage ends when the listener has opened its stream."""
    with contender(name, world, source) as one:
        assert isinstance(one, Product)
        one.device.console.run(RULES)
        databases = {source: one.source, source.other: one.target}
        insert(one.source[LAST], waiting)
        for side in BOTH:
            _pay(databases[side], side, range(-AWAY, 0))
        began = one.start()
        with _paying(databases) as made:
            wait_until_equal(fingerprint(one.source[LAST]), one.target[LAST])
        rest = last_write(one.target, [LAST]) - began
        count = 2 * (AWAY + PAYMENTS)
        for database in databases.values():
            wait_until_equal((count, count), database[FIRST])
        memory = memory_mb(one.device.pid("listener"))
        one.stop()
        return [
            Urgent(name, str(source), waiting, str(side), *_waits(databases[side], side.other, began, made[side.other]), rest, memory)
            for side in BOTH
        ]  # fmt: skip


def _pay(database: Database[Document], side: Side, numbers: range) -> None:
    text = "x" * (SMALL - 60)
    database[FIRST].insert_many([{"_id": f"{side} {number}", "v": 1, "text": text} for number in numbers])


@contextmanager
def _paying(databases: dict[Side, Database[Document]]) -> Iterator[dict[Side, dict[str, float]]]:
    """One after the other at an even pace, on both sides, from now on; each with the moment at which it was made, in seconds
    since 1970."""
    made: dict[Side, dict[str, float]] = {side: {} for side in BOTH}

    def pay(side: Side) -> None:
        started = time.monotonic()
        for number in range(PAYMENTS):
            time.sleep(max(0.0, started + number / RATE - time.monotonic()))
            made[side][f"{side} {number}"] = time.time()
            _pay(databases[side], side, range(number, number + 1))

    threads = [threading.Thread(target=pay, args=(side,), daemon=True) for side in BOTH]
    for thread in threads:
        thread.start()
    yield made
    for thread in threads:
        thread.join()


def _waits(
    target: Database[Document], source: Side, began: float, made: dict[str, float]
) -> tuple[float, float, float, float]:
    shown = arrivals(target)
    away = max(shown[f"{source} {number}"] - began for number in range(-AWAY, 0))
    waits = sorted(1000 * (shown[one] - at) for one, at in made.items())
    return 1000 * away, percentile(waits, 50), percentile(waits, 95), waits[-1]


def arrivals(target: Database[Document]) -> dict[str, float]:
    """When each payment was written, in seconds since 1970, by this server's oplog."""
    name = f"{target.name}.{FIRST}"
    query = {"$or": [{"ns": name}, {"o.applyOps.ns": name}]}
    shown: dict[str, float] = {}
    for entry in target.client["local"]["oplog.rs"].find(query, {"wall": 1, "ns": 1, "op": 1, "o": 1}):
        writes = entry["o"].get("applyOps", [entry])
        for write in writes:
            if write["ns"] == name and write["op"] == "i":
                shown.setdefault(write["o"]["_id"], entry["wall"].replace(tzinfo=dt.UTC).timestamp())
    return shown
