"""How busy this host is, while sync is under load (Linux; elsewhere nothing is said)."""

from __future__ import annotations

from pathlib import Path

STAT, MEMINFO = Path("/proc/stat"), Path("/proc/meminfo")


class Processor:
    """Its use since this was made."""

    def __init__(self) -> None:
        self._before = _ticks()

    def busy_percent(self) -> float | None:
        now, before = _ticks(), self._before
        if now is None or before is None or now[1] == before[1]:
            return None
        return 100.0 * (1 - (now[0] - before[0]) / (now[1] - before[1]))


def memory_available_mb() -> float | None:
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _ticks() -> tuple[int, int] | None:
    """Of all processors: idle, and altogether."""
    try:
        values = [int(one) for one in STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    return values[3] + values[4], sum(values)
