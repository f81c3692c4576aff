"""What the logs of a device say went wrong: kinds of errors, and how often each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LOOP = "Sync loop detected"
EXCEPTION = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Lost|Timeout|Interrupt|Down|Away|\w+))(?::|$)"
)
ERROR = re.compile(r"\[(error|critical)\s*\]\s*(.*)")
EVENT = re.compile(r"event_name=(\S+)")


def lines(logs: Path) -> Iterator[str]:
    for path in sorted(logs.glob("*.log*")):
        with path.open(errors="replace") as file:
            yield from file


def loops(logs: Path) -> list[str]:
    return [line.strip() for line in lines(logs) if LOOP in line]


def tracebacks(logs: Path) -> Counter[str]:
    """The class of the exception that ended each traceback."""
    found: Counter[str] = Counter()
    inside = False
    for line in lines(logs):
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and not line.startswith((" ", "\t", "\n", "|", "+")):
            match = EXCEPTION.match(line)
            found[match[1] if match else line.strip()[:80]] += 1
            inside = False
    return found


def errors(logs: Path) -> Counter[str]:
    """Lines of level ERROR and above in app.log: by event, or by the sentence's beginning."""
    found: Counter[str] = Counter()
    for path in sorted(logs.glob("app.log*")):
        for line in path.read_text(errors="replace").splitlines():
            if match := ERROR.search(line):
                event = EVENT.search(line)
                found[event[1] if event else match[2][:60]] += 1
    return found
