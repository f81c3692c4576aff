"""How much memory a process has had at most, as the kernel says (Linux)."""

from __future__ import annotations

from pathlib import Path


def peak_mb(pid: int) -> float:
    """The highest resident set so far, in megabytes."""
    return _field(pid, "VmHWM")


def resident_mb(pid: int) -> float:
    return _field(pid, "VmRSS")


def _field(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no {name}")
