"""How far a server's oplog reaches back, by whatever the login may read of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError

from syncapp.core.headroom import OplogSample
from syncapp.mongo.errors import HistoryLost, translate

SCAN_MS = 100  # of the oplog, by a stream that is only opened to see whether it can be
# What serverStatus leaves out: it is asked for one section
_LEFT_OUT = dict.fromkeys(
    ("metrics", "wiredTiger", "locks", "repl", "tcmalloc", "transactions", "opLatencies"), 0
)


def read_window(database: Database[Any]) -> OplogSample | None:
    """None: the login may read neither the oplog (`read` on the database `local`) nor serverStatus (`clusterMonitor`). Raises
    PyMongoError."""
    status = _status(database)
    retention_s = 3600.0 * float(status.get("oplogTruncation", {}).get("oplogMinRetentionHours", 0))
    ends = _ends(database) or _ends_by(status)
    if ends is None:
        return None
    used, most = _size(database)
    return OplogSample(_now(database), *ends, used, most, retention_s)


def oldest_reachable_s(database: Database[Any], ages_s: Sequence[float]) -> float:
    """The largest of these ages (ascending) at which a stream can still be opened; 0: none. Raises PyMongoError."""
    now, low, high = _now(database), 0, len(ages_s)
    while low < high:
        middle = (low + high) // 2
        if _reaches_back(database, now - ages_s[middle]):
            low = middle + 1
        else:
            high = middle
    return ages_s[low - 1] if low else 0.0


def _ends(database: Database[Any]) -> tuple[float, float] | None:
    oplog = database.client["local"]["oplog.rs"]
    try:
        ends = [oplog.find_one({}, {"ts": 1}, sort=[("$natural", way)]) for way in (1, -1)]
    except OperationFailure:
        return None
    first, last = (float(one["ts"].time) if one else 0.0 for one in ends)
    return (first, last) if first else None


def _ends_by(status: dict[str, Any]) -> tuple[float, float] | None:
    oplog = status.get("oplog", {})
    first, last = oplog.get("earliestOptime"), oplog.get("latestOptime")
    return (float(first.time), float(last.time)) if first and last else None


def _size(database: Database[Any]) -> tuple[int, int]:
    try:
        stats = database.client["local"].command("collStats", "oplog.rs")
    except OperationFailure:
        return 0, 0
    return int(stats["size"]), int(stats.get("maxSize", 0))


def _status(database: Database[Any]) -> dict[str, Any]:
    try:
        return database.client.admin.command({"serverStatus": 1, "oplog": 1, **_LEFT_OUT})
    except OperationFailure:
        return {}


def _now(database: Database[Any]) -> float:
    at = database.client.admin.command("hello")["localTime"]
    return float(at.timestamp()) if at.tzinfo else time.time()


def _reaches_back(database: Database[Any], since: float) -> bool:
    start = {"startAtOperationTime": Timestamp(int(since), 1)}
    command = {
        "aggregate": 1,
        "pipeline": [{"$changeStream": start}, {"$project": {"_id": 1}}],
        "cursor": {"batchSize": 1},
        "maxTimeMS": SCAN_MS,
        "readConcern": {"level": "majority"},
    }
    try:
        cursor = database.command(command)["cursor"]["id"]
    except ExecutionTimeout:
        return True  # it was opened, and scans
    except PyMongoError as error:
        if isinstance(translate(error), HistoryLost):
            return False
        raise
    if cursor:
        database.command({"killCursors": "$cmd.aggregate", "cursors": [cursor]})
    return True
