"""What the product's own processes spend their CPU on while a backlog is drained: py-spy looks from outside at the stack
of whichever thread holds the interpreter's lock, and what counts is the innermost place in it that PARTS knows. A process's
CPU is divided in the proportions that were seen; what a part spends in the kernel is taken to be in proportion too."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from syncapp.core.values import Side
from tests.benchmarks.contenders import Product
from tests.benchmarks.drain import drain
from tests.benchmarks.workloads import STORIES
from tests.benchmarks.world import World

PER_SECOND = 100
LONGEST_SECONDS = 600
STOP_SECONDS = 30
REST = "other Python"
# Files, or functions in them, and what is done there. What is not listed (content.py, say) counts as what it is done for
PARTS = {
    "syncapp/mongo/change_stream.py": "events fetched",
    "syncapp/listener/streams/fetch_ahead.py": "events fetched",
    "syncapp/listener/streams/events.py": "events understood",
    "syncapp/listener/streams/raw_event.py": "events understood",
    "syncapp/listener/streams/stream_reader.py": "events understood",
    "syncapp/listener/intake.py": "dirty keys",
    "syncapp/listener/queue/": "dirty keys",
    "syncapp/safety/loop_guard.py": "loop guard",
    "syncapp/listener/safeguards.py": "loop guard",
    "syncapp/listener/dispatcher.py": "tasks handed out",
    "syncapp/management/commands/sync_listen.py": "tasks handed out",
    "syncapp/apply/messages.py": "tasks and reports, as bytes",
    "syncapp/apply/reports.py": "tasks and reports, as bytes",
    "syncapp/listener/threads.py": "tokens, lease, metrics, health",
    "syncapp/apply/worker.py": "tasks and reports, as bytes",
    "syncapp/rules/current.py": "rules looked up",
    "read_states syncapp/store/states.py": "states read",
    "_decode syncapp/store/states.py": "states read",
    "syncapp/store/states.py": "states written",
    "read_documents syncapp/mongo/documents.py": "documents read",
    "syncapp/mongo/documents.py": "documents written",
    "content_hash syncapp/core/content.py": "hashes",
    "syncapp/store/batches.py": "markers written",
    "syncapp/store/landings.py": "landings looked up and noted",
    "syncapp/mongo/transaction.py": "transactions begun and committed",
    "syncapp/engine/change_processor.py": "decided",
    "syncapp/process/memory.py": "memory tidied up",
    "celery/": "Celery and the broker",
    "kombu/": "Celery and the broker",
    "billiard/": "Celery and the broker",
}
_FRAME = re.compile(r"(?P<function>[\w<>.]+) \((?P<file>[^():]+)(:\d+)?\)$")


@dataclass(frozen=True)
class Part:
    """Microseconds of CPU a change that a kind of process spends on one thing."""

    source: str
    operation: str
    process: str
    name: str
    cpu_us: float


class Sampled(Product):
    """The product, looked at while it reads a backlog."""

    def __init__(self, world: World, source: Side) -> None:
        super().__init__(world, source, world.atlas.port)
        self.samples: dict[str, Counter[str]] = {}
        self._samplers: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}

    def start(self) -> float:
        began = super().start()
        py_spy = str(Path(sys.executable).parent / "py-spy")
        for name, (pid,) in self.pids().items():
            output = self.device.home / f"{name}.stacks"
            command = [
                py_spy,
                "record",
                "--pid",
                str(pid),
                "--subprocesses",
                "--format",
                "raw",
                "--output",
                str(output),
            ]
            command += ["--gil", "--rate", str(PER_SECOND), "--duration", str(LONGEST_SECONDS)]
            sampler = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self._samplers[name] = sampler, output
        return began

    def stop(self) -> None:
        for name, (sampler, output) in self._samplers.items():
            sampler.send_signal(signal.SIGINT)
            _, said = sampler.communicate(timeout=STOP_SECONDS)
            # Without the right to look at other processes (root, or kernel.yama.ptrace_scope=0) there is no file
            assert output.exists(), f"py-spy: {said.decode()}"
            self.samples[name] = parts_of(output.read_text())
        self._samplers.clear()
        super().stop()


def parts_of(stacks: str) -> Counter[str]:
    """How often each part was seen. A line: frames from the outermost in, each "function (file:line)", and a count."""
    seen: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        seen[part_of(stack.split(";"))] += int(count)
    return seen


def part_of(frames: list[str]) -> str:
    for frame in reversed(frames):
        found = _FRAME.match(frame)
        if found is None:
            continue
        function, file = found["function"].rpartition(".")[2], found["file"]
        if function.startswith("<"):
            continue  # a comprehension belongs to the function around it
        for place, name in PARTS.items():
            wanted, _, path = place.rpartition(" ")
            inside = file.endswith(path) or (path.endswith("/") and path in file)
            if inside and wanted in ("", function):
                return name
    return REST


def profile(world: World, source: Side, count: int) -> list[Part]:
    one = Sampled(world, source)
    parts = []
    try:
        for step in STORIES["basic"]:
            measured = drain(step, one, world, count, live=False)
            if not step.measured:
                continue
            for process, seen in one.samples.items():
                one_sample = measured.cpu_us[process] / max(seen.total(), 1)
                parts += [
                    Part(str(source), step.name, process, name, n * one_sample) for name, n in seen.items()
                ]
    finally:
        one.end()
    return parts
