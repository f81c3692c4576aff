"""How fast a contender brings a backlog over: from the moment when its stream is open to the last write that the
target's own oplog shows."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pymongo.database import Database

from syncapp.core.values import Side
from tests.benchmarks.contenders import PRODUCT, SMALL, Contender, contender
from tests.benchmarks.meters import Meter
from tests.benchmarks.workloads import STORIES, Documents, Step, fingerprint
from tests.benchmarks.world import Document, World

COLLECTION = "documents"
SETTLE_SECONDS = 2.0  # after the stream is open, before live writes begin
TAIL_SECONDS = 1.0  # what is done after the last write counts as its cost too
LOOK_SHARE = 10  # a look at the target may take a tenth of a core
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Drain:
    """One measurement. CPU is microseconds a change, memory megabytes of the largest process of a kind."""

    contender: str
    workload: str
    source: str
    changes: int
    seconds: float
    live: bool = False  # written while the contender reads, instead of before
    workers: int = 0
    round_trip_ms: int = 0
    cpu_us: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.changes / self.seconds


def tell(
    story: str, name: str, world: World, source: Side, count: int,
    *, live: bool = False, workers: int = 0, round_trip_ms: int = 0, atlas_port: int = 0,
) -> list[Drain]:  # fmt: skip
    """Play a story with one contender, step by step."""
    drains = []
    with contender(name, world, source, atlas_port, workers) as one:
        for step in STORIES[story]:
            measured = drain(step, one, world, count, live=live and step.measured)
            if step.measured:
                found = replace(measured, source=str(source), workers=workers, round_trip_ms=round_trip_ms)
                drains.append(found)
    return drains


def drain(step: Step, one: Contender, world: World, count: int, *, live: bool) -> Drain:
    """Write one step of a story, and see it carried."""
    documents, target = one.source[COLLECTION], one.target[COLLECTION]
    changes = 0 if live else step.write(documents, count)
    with Meter(lambda: {**one.pids(), **world.pids()}) as meter:
        began = one.start()
        if live:
            time.sleep(SETTLE_SECONDS)
            began = time.time()
            changes = step.write(documents, count)
        wait_until_equal(fingerprint(documents), target)
        one.wait_until_read()
        ended = last_write(target.database, [COLLECTION, *one.own_collections])
        time.sleep(TAIL_SECONDS)
        memory = meter.most_memory()
    cpu = meter.between(began, ended + TAIL_SECONDS)
    one.stop()
    if one.name not in (PRODUCT, SMALL):
        cpu.pop("broker", None)
        memory.pop("broker", None)
    per_change = {kind: seconds / changes * 1e6 for kind, seconds in cpu.items()}
    return Drain(one.name, step.name, "", changes, ended - began, live, cpu_us=per_change, memory_mb=memory)


def wait_until_equal(wanted: tuple[int, int], target: Documents) -> None:
    """Until the target has this fingerprint. A look costs the server that is measured, so there are few."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        began = time.monotonic()
        if (there := fingerprint(target)) == wanted:
            return
        now = time.monotonic()
        assert now < deadline, f"after {PATIENCE_SECONDS} s there is {there}, not {wanted}"
        time.sleep(max(0.02, LOOK_SHARE * (now - began)))


def last_write(database: Database[Document], collections: Sequence[str]) -> float:
    """When a server wrote to one of these last, in seconds since 1970, by its oplog."""
    names = {"$in": [f"{database.name}.{name}" for name in collections]}
    query = {"$or": [{"ns": names}, {"o.applyOps.ns": names}]}
    found = database.client["local"]["oplog.rs"].find_one(query, {"wall": 1}, sort=[("$natural", -1)])
    assert found is not None, f"nothing was written to {collections}"
    return float(found["wall"].replace(tzinfo=dt.UTC).timestamp())
