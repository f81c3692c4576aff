"""Time between two evaluations, which are made by different processes: by the machine's clock since its start, which no
operator and no NTP sets; otherwise by the wall clock. What nobody looked at counts as one step at most."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

LONGEST_STEP = 30.0  # seconds
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def mark() -> str:
    """The machine's time now, with what it counts from; empty: this system has none."""
    try:
        return f"{_BOOT_ID.read_text().strip()} {time.clock_gettime(time.CLOCK_BOOTTIME):.3f}"
    except (OSError, AttributeError):
        return ""


def elapsed_s(before: str, now: str, at_before: datetime | None, at: datetime) -> float:
    """Seconds between two marks, with the wall clock's times of them."""
    boot_before, _, seconds_before = before.partition(" ")
    boot, _, seconds = now.partition(" ")
    if boot and boot == boot_before:
        passed = float(seconds) - float(seconds_before)
    else:
        passed = (at - at_before).total_seconds() if at_before else 0.0
    return min(max(0.0, passed), LONGEST_STEP)
