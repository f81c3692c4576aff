"""Everything that one `make bench` measured, and how it is kept as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.devices import Fleet
from tests.benchmarks.drain import Drain
from tests.benchmarks.first_run import FirstRun
from tests.benchmarks.heartbeats import Heartbeats
from tests.benchmarks.idle import Idle
from tests.benchmarks.latency import Latency
from tests.benchmarks.pages import Looked
from tests.benchmarks.profile import Part
from tests.benchmarks.rules import Ruled
from tests.benchmarks.steps import Step
from tests.benchmarks.streams import Streams
from tests.benchmarks.unique import Move
from tests.benchmarks.urgency import Urgent


@dataclass
class Results:
    machine: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    drains: list[Drain] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    fleets: list[Fleet] = field(default_factory=list)
    idles: list[Idle] = field(default_factory=list)
    first_runs: list[FirstRun] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    streams: list[Streams] = field(default_factory=list)
    heartbeats: list[Heartbeats] = field(default_factory=list)
    looked: list[Looked] = field(default_factory=list)
    urgent: list[Urgent] = field(default_factory=list)
    ruled: list[Ruled] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        found = json.loads(path.read_text())
        return cls(
            found["machine"],
            found["options"],
            [Drain(**one) for one in found["drains"]],
            [Latency(**one) for one in found["latencies"]],
            [Fleet(**one) for one in found["fleets"]],
            [Idle(**one) for one in found["idles"]],
            [FirstRun(**one) for one in found["first_runs"]],
            [Step(**one) for one in found.get("steps", ())],
            [Part(**one) for one in found.get("parts", ())],
            [Move(**one) for one in found.get("moves", ())],
            [Streams(**one) for one in found.get("streams", ())],
            [Heartbeats(**one) for one in found.get("heartbeats", ())],
            [Looked(**one) for one in found.get("looked", ())],
            [Urgent(**one) for one in found.get("urgent", ())],
            [Ruled(**one) for one in found.get("ruled", ())],
        )


def machine(mongodb: str, date: str) -> dict[str, Any]:
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model,
        "python": platform.python_version(),
        "mongodb": mongodb,
        "date": date,
    }
