"""What everything that `make run` starts costs while nobody writes, on databases of one's own: every process by name, in
both profiles. The two MongoDB servers are no part of the product."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from syncapp.embedded.ports import free_port
from syncapp.embedded.supervisor import Supervisor
from tests.benchmarks.contenders import DEFAULTS
from tests.benchmarks.meters import Meter, pss_mb
from tests.benchmarks.world import World
from tests.support import processes
from tests.support.eventually import eventually

START_SECONDS, SETTLE_SECONDS = 120.0, 25.0
SERVERS = ("local MongoDB", "Atlas")


@dataclass(frozen=True)
class Idle:
    """Percent of one core, and megabytes as a share of what processes have in common (PSS)."""

    seconds: float
    percent: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    profile: str = "standard"

    @property
    def product(self) -> float:
        return self._sum(self.percent)

    @property
    def product_mb(self) -> float:
        return self._sum(self.memory_mb)

    @staticmethod
    def _sum(values: dict[str, float]) -> float:
        return sum(value for kind, value in values.items() if kind not in SERVERS)


def idle(world: World, seconds: float, profile: str) -> Idle:
    with _running(world, profile, "warm-up"):
        pass  # bytecode is made at the first start after an installation
    with _running(world, profile, "idle") as pids:
        time.sleep(SETTLE_SECONDS)
        servers = {kind: pids_ for kind, pids_ in world.pids().items() if kind in SERVERS}
        with Meter(lambda: {**pids, **servers}) as meter:
            began = time.time()
            time.sleep(seconds)
            ended = time.time()
            memory = {kind: sum(map(pss_mb, found)) for kind, found in pids.items()}
    spent = meter.between(began, ended)
    return Idle(seconds, {kind: 100 * cpu / seconds for kind, cpu in spent.items()}, memory, profile)


@contextmanager
def _running(world: World, profile: str, name: str) -> Iterator[dict[str, list[int]]]:
    """`make run`: its processes by name."""
    database = world.new_name()
    home = world.folder / f"{database} {name}"
    home.mkdir()
    output = home / "run.out"
    world.local_client[database]["documents"].insert_one({"_id": 1, "v": 1})
    process = processes.start_manage(
        "sync_run",
        home=home,
        output=output,
        **{
            **DEFAULTS,
            "MONGODB_URI": world.local.uri(database),
            "MONGODB_ATLAS_URI": world.atlas.uri(database),
            "PORT": str(free_port()),
            "SYNC_PROFILE": profile,
        },
        # As on a system where packages have their bytecode, which pip and uv make
        PYTHONDONTWRITEBYTECODE="",
        PYTHONPYCACHEPREFIX=str(world.folder / "bytecode"),
    )
    try:
        eventually(lambda: "Ctrl-C" in output.read_text(), "everything runs", START_SECONDS)
        assert "Sync is healthy" in output.read_text(), output.read_text()
        yield {"sync_run": [-process.pid], **_supervised(home, process.pid)}
        assert process.poll() is None, output.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        world.drop(database)


def _supervised(home: Path, parent: int) -> dict[str, list[int]]:
    manager = next(found.pid for found in processes.processes_of(home) if found.parent == parent)
    listed = Supervisor(home, []).call("getAllProcessInfo")
    # A tree each; of who started others only itself
    return {"supervisor": [-manager], **{one["name"]: [one["pid"]] for one in listed if one["pid"]}}
