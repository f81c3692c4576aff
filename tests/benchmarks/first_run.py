"""The first run of a device on an Atlas that holds many documents, and a second look at them (`sync_verify`)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from tests.benchmarks.contenders import DEFAULTS
from tests.benchmarks.drain import COLLECTION, last_write, wait_until_equal
from tests.benchmarks.meters import Meter
from tests.benchmarks.workloads import insert
from tests.benchmarks.world import World
from tests.support.device import Addresses, Device
from tests.support.processes import manage_from_the_start

VERIFY_SECONDS = 300


@dataclass(frozen=True)
class FirstRun:
    documents: int
    copy_seconds: float  # from the listener's first line
    verify_seconds: float  # of the run itself
    command_seconds: float  # of `sync_verify` as one types it
    copy_cpu_us: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)


def first_run(world: World, documents: int) -> FirstRun:
    name = world.new_name()
    local, atlas = world.local_client[name], world.atlas_client[name]
    insert(atlas[COLLECTION], documents)
    addresses = Addresses(world.local.uri(name), world.atlas.uri(name), world.broker.url)
    device = Device(world.folder / name, addresses, world.template, **DEFAULTS)
    device.forks = False  # its start and memory are measured
    kinds = ("listener", "worker")
    try:
        device.launch("worker")
        device.wait_until_ready()
        with Meter(
            lambda: {**{k: [device.pid(k)] for k in kinds if device.is_running(k)}, **world.pids()}
        ) as meter:
            device.launch("listener")
            device.wait_for_line("listener", "Instance ID", 60)
            began = time.time()
            wait_until_equal((documents, documents), local[COLLECTION])
            copied = last_write(local, [COLLECTION])
            cpu = meter.between(began, copied)
            device.wait_until_idle(120)
            command = time.monotonic()
            done = manage_from_the_start(
                "sync_verify",
                "--json",
                home=device.home,
                timeout=VERIFY_SECONDS,
                fork=False,
                **device.settings,
            )
            command = time.monotonic() - command
            assert done.returncode == 0, done.stderr or done.stdout
            run = local["_sync_runs"].find_one({"_id": json.loads(done.stdout)["id"]})
            assert run is not None
            assert run["counts"]["equal"] == documents, run["counts"]
            memory = meter.most_memory()
        verified = (run["endedAt"] - run["startedAt"]).total_seconds()
        per_document = {kind: seconds / documents * 1e6 for kind, seconds in cpu.items()}
        return FirstRun(documents, copied - began, verified, command, per_document, memory)
    finally:
        device.end()
        world.drop(name)
