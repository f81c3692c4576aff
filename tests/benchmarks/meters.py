"""CPU time and memory of groups of processes, as the kernel counts them (Linux)."""

from __future__ import annotations

import bisect
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.memory import peak_mb

TICK = os.sysconf("SC_CLK_TCK")
Pids = Mapping[str, list[int]]  # kind of process → the first of each tree; negative: it alone
EVERY_SECONDS = 0.05


def tree(pid: int) -> list[int]:
    """A process and all that descend from it; of a negative number only that process."""
    if pid < 0:
        return [-pid]
    found = [pid]
    for one in found:
        try:
            found += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue  # it has just ended
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree, ended children included (not of a single process)."""
    total = 0
    last = 13 if pid < 0 else 15
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:last])
    return total / TICK


def memory_mb(pid: int) -> float:
    """The most that one process of a tree has ever held."""
    most = 0.0
    for one in tree(pid):
        try:
            most = max(most, peak_mb(one))
        except (OSError, AssertionError):
            continue
    return most


def pss_mb(pid: int) -> float:
    """Of a process tree now: each page counts in parts, among all who have it."""
    total = 0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class Meter:
    """Reads every kind's CPU time again and again, so that it can be asked for between any two moments."""

    def __init__(self, pids: Callable[[], Pids]) -> None:
        self._pids = pids
        self._times: list[float] = []
        self._cpu: list[dict[str, float]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            sample = {kind: sum(map(cpu_seconds, pids)) for kind, pids in self._pids().items()}
            self._times.append(time.time())
            self._cpu.append(sample)

    def between(self, start: float, end: float) -> dict[str, float]:
        """Seconds of CPU of each kind between two moments (seconds since 1970)."""
        first = max(0, bisect.bisect(self._times, start) - 1)
        last = min(len(self._times) - 1, bisect.bisect(self._times, end))
        after = self._cpu[last]
        return {kind: after[kind] - self._cpu[first].get(kind, 0.0) for kind in after}

    def most_memory(self) -> dict[str, float]:
        return {kind: max(map(memory_mb, pids), default=0.0) for kind, pids in self._pids().items()}
