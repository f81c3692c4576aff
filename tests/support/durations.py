"""How long each file of tests takes, for the order in which they run: a long one that starts last is waited for.

make test ARGS=--measure      # writes durations.txt anew, of the files that ran
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("durations.txt")
BASE = FILE.parents[2]


def read() -> dict[str, int]:
    """Seconds by the file's path from the project's root."""
    lines = (line.split() for line in FILE.read_text().splitlines())
    return {path: int(seconds) for seconds, path in lines}


class Measure:
    """A plugin of pytest's, of the process that hears from all others."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration  # type: ignore[assignment]

    def pytest_sessionfinish(self) -> None:
        known = read() | {path: round(seconds) for path, seconds in self._seconds.items()}
        left = sorted((-seconds, path) for path, seconds in known.items() if (BASE / path).exists())
        FILE.write_text("".join(f"{-seconds:4} {path}\n" for seconds, path in left))
