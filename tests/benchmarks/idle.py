"""What the product costs while nobody writes: every process of it but Flower."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field

from syncapp.embedded.ports import free_port
from syncapp.embedded.tether import tethered
from syncapp.engine.values import Side
from syncapp.programs import PROGRAMS
from tests.benchmarks.contenders import PRODUCT, Product, contender
from tests.benchmarks.meters import Meter
from tests.benchmarks.world import World
from tests.support import processes

SETTLE_SECONDS = 10.0
BESIDE = ("web", "beat")  # of PROGRAMS; listener and worker are the device's


@dataclass(frozen=True)
class Idle:
    """Percent of one core. The two MongoDB servers are no part of the product."""

    seconds: float
    percent: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)

    @property
    def product(self) -> float:
        return sum(value for kind, value in self.percent.items() if kind not in ("local MongoDB", "Atlas"))


def idle(world: World, seconds: float) -> Idle:
    with contender(PRODUCT, world, Side.LOCAL) as one:
        assert isinstance(one, Product)
        one.source["documents"].insert_one({"_id": 1, "v": 1})
        one.start()
        beside: dict[str, subprocess.Popen[bytes]] = {}
        device = one.device
        try:
            for program in PROGRAMS:
                if program.name in BESIDE:
                    settings = {**device.settings, "PORT": str(free_port())}
                    beside[program.name] = processes.start(
                        tethered(program.command), device.home, device.log(program.name), **settings
                    )
            device.wait_until_settled(120)
            time.sleep(SETTLE_SECONDS)
            with Meter(
                lambda: {**one.pids(), **{name: [p.pid] for name, p in beside.items()}, **world.pids()}
            ) as meter:
                began = time.time()
                time.sleep(seconds)
                ended = time.time()
                memory = meter.most_memory()
            for name, process in beside.items():
                assert process.poll() is None, f"{name} ended\n{device.tail(name)}"
        finally:
            for process in beside.values():
                process.terminate()
            for process in beside.values():
                process.wait(20)
    spent = meter.between(began, ended)
    return Idle(seconds, {kind: 100 * cpu / seconds for kind, cpu in spent.items()}, memory)
