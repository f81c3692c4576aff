"""Free disk space of both servers and of SYNC_HOME."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from pymongo.errors import OperationFailure

from syncapp.core.values import Side
from syncapp.doctor.values import NAMES, Check, Finding, Level, Setup, each_side

MB = 1_000_000
WARNING_BYTES, WARNING_SHARE = 1_000 * MB, 0.05
FAILED_BYTES = 200 * MB


def judge(name: str, free: float, total: float) -> Finding:
    text = f"{name} has {free / MB:,.0f} MB of disk free ({free / max(total, 1):.0%})"
    if free < FAILED_BYTES:
        return Finding(Level.FAILED, text, "Free disk space now: a full disk stops the database")
    if free < WARNING_BYTES or free < WARNING_SHARE * total:
        return Finding(Level.WARNING, text, "Free disk space, or use a larger disk")
    return Finding(Level.OK, text)


def look(setup: Setup, side: Side) -> Iterator[Finding]:
    try:
        stats = setup.databases[side].command("dbStats")
    except OperationFailure:
        yield Finding(Level.NOTE, f"This login may not read the free disk space of {NAMES[side]}")
        return
    if stats.get("fsTotalSize"):  # some hosted servers do not report it
        yield judge(NAMES[side], stats["fsTotalSize"] - stats["fsUsedSize"], stats["fsTotalSize"])


def look_at_home(setup: Setup) -> Iterator[Finding]:
    usage = shutil.disk_usage(setup.settings.home)
    yield judge("SYNC_HOME", usage.free, usage.total)


CHECKS = (Check("disk", look_at_home, place=4), *each_side("disk", look, place=14))
