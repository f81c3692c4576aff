"""Adopted child processes (`tether.adopt_orphans`) whose parent has ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def end_all(patience: float) -> None:
    """Wait until every child has ended; after `patience` seconds they are killed."""
    deadline = time.monotonic() + max(patience, 0.0)
    while _reap():
        if time.monotonic() > deadline:
            for child in children():
                os.kill(child, signal.SIGKILL)
        time.sleep(0.05)


def children() -> list[int]:
    """Process ids of our children; empty where the kernel does not list them."""
    try:
        return [
            int(child)
            for task in Path("/proc/self/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def _reap() -> bool:
    """Reap ended children. Are there any others?"""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
