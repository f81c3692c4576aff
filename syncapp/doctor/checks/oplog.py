"""The window of each oplog: the longest outage after which a device can resume where it stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.values import Side
from syncapp.doctor.values import NAMES, Finding, Level, Setup, each_side

LEAST_HOURS, RECOMMENDED_HOURS = 24, 72
FULL = 0.9  # the server truncates the oplog in large pieces, so it is never completely full
HOUR = 3600


@dataclass(frozen=True, slots=True)
class OplogFacts:
    hours: float
    bytes: int
    max_bytes: int

    @property
    def full(self) -> bool:
        """The oldest entries are being removed. Before that, a short window only means a young oplog."""
        return self.bytes >= FULL * self.max_bytes


def ask(database: Database[Any]) -> OplogFacts | None:
    """None: the login may not read it."""
    local = database.client["local"]
    try:
        ends = [local["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", way)]) for way in (1, -1)]
        stats = local.command("collStats", "oplog.rs")
    except OperationFailure:
        return None
    first, last = (one["ts"].time if one else 0 for one in ends)
    return OplogFacts((last - first) / HOUR, int(stats["size"]), int(stats.get("maxSize", 0)))


def judge(side: Side, facts: OplogFacts | None, keep_hours: int) -> Finding:
    name = f"{NAMES[side]}'s oplog"
    if facts is None:
        return Finding(
            Level.NOTE,
            f"{name} cannot be read with this login: its window is unknown",
            "Grant clusterMonitor and read on the database local, or check Atlas's metric Oplog Window",
        )
    if facts.hours > keep_hours:
        wanted = math.ceil(facts.hours * 1.5)
        return Finding(
            Level.WARNING,
            f"{name} reaches back {facts.hours:,.1f} h, but sync keeps its batch markers for {keep_hours} h:"
            " it would not know its own older writes",
            f"Set ORIGIN_TRACKING_KEEP_HOURS={wanted}",
        )
    size = f"{facts.bytes / 1e6:,.0f} of {facts.max_bytes / 1e6:,.0f} MB"
    if not facts.full:
        return Finding(Level.OK, f"{name} reaches back to its beginning, {facts.hours:,.1f} h ago ({size})")
    text = f"{name} reaches back {facts.hours:,.1f} h ({size})"
    if facts.hours < LEAST_HOURS:
        larger = max(990, math.ceil(facts.max_bytes / 1e6 * RECOMMENDED_HOURS / max(facts.hours, 1)))
        return Finding(
            Level.WARNING,
            f"{text}: after a longer outage both sides are compared document by document",
            f"Make it larger, {RECOMMENDED_HOURS} h are recommended. In mongosh, as an administrator:"
            f" db.adminCommand({{replSetResizeOplog: 1, size: {larger}, minRetentionHours: {LEAST_HOURS}}})",
        )
    if facts.hours < RECOMMENDED_HOURS:
        text += f"; {RECOMMENDED_HOURS} h are recommended"
    return Finding(Level.OK, text)


def look(setup: Setup, side: Side) -> Iterator[Finding]:
    database = setup.databases[side]
    if "setName" in database.client.admin.command("hello"):  # other servers have no oplog
        yield judge(side, ask(database), setup.settings.origin_tracking_keep_hours)


CHECKS = each_side("oplog", look, place=13)
