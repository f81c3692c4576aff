"""Why a server did not start, from the end of its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HINTS = {
    "SIGILL": "MongoDB 5.0 and newer need a processor with AVX: install MongoDB 4.4, or set MONGODB_URI and"
    " MONGODB_ATLAS_URI",
    "GLIBC": "the program is made for a newer system: install one of this system's packages",
}
GRAVE = ("F", "E")  # mongod's severities: fatal, error


def last_words(log: Path, since: int = 0, count: int = 5) -> str:
    """The last lines about the error; without any, the last lines. Empty without output.
    Repeated lines of several starts appear once.

    `since`: the log's size when the server was started.
    """
    lines = list(dict.fromkeys(line for line in _read(log, since).splitlines() if line.strip()))
    entries = [_entry(line) for line in lines]
    for severity in GRAVE:
        # After a crash mongod's last lines are a backtrace, after an error those of its shutdown
        found = list(dict.fromkeys(_text(entry) for entry in entries if entry.get("s") == severity))
        if found:
            return "\n".join(found[-count:])
    plain = [line for line, entry in zip(lines, entries, strict=True) if not entry]
    return "\n".join((plain or lines)[-count:])


def hint(words: str) -> str:
    """The remedy, if the error text does not contain it; otherwise empty."""
    return next((text for sign, text in HINTS.items() if sign in words), "")


def size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _read(log: Path, since: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(since if since <= size(log) else 0)  # a smaller file is a new one
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _entry(line: str) -> dict[str, Any]:
    """A parsed line of mongod's log; empty for anything else."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) and "msg" in entry else {}


def _text(entry: dict[str, Any]) -> str:
    about = entry.get("attr") or {}
    detail = next((about[name] for name in ("error", "errmsg", "reason", "msg") if about.get(name)), about)
    if isinstance(detail, dict):
        detail = detail.get("errmsg") or (json.dumps(detail) if detail else "")
    return f"{entry['msg']}: {detail}" if detail else str(entry["msg"])
