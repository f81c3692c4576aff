"""Comparison runs as people look for them."""

from __future__ import annotations

import re
from typing import Any

from pymongo.database import Database

from syncapp.store.names import RUNS
from syncapp.store.run import OPEN, Run, State, decode_run


def find_runs(local: Database[Any], some_id: str) -> list[Run]:
    """Those whose id begins so; empty: those that are not over. Raises PyMongoError."""
    query: dict[str, Any] = (
        {"_id": {"$regex": f"^{re.escape(some_id)}"}} if some_id else {"state": {"$in": OPEN}}
    )
    return [decode_run(found) for found in local[RUNS].find(query, {"suspects": 0}).sort("requestedAt", 1)]


def newest_runs(local: Database[Any], number: int) -> list[Run]:
    """Newest first. Raises PyMongoError."""
    found = local[RUNS].find({}, {"suspects": 0}).sort([("requestedAt", -1), ("_id", 1)]).limit(number)
    return list(map(decode_run, found))


def last_part(local: Database[Any]) -> Run | None:
    """The newest run of a part that is done. Raises PyMongoError."""
    query = {"budgetMs": {"$gt": 0}, "state": State.DONE.value}
    found = local[RUNS].find_one(query, {"suspects": 0}, sort=[("requestedAt", -1)])
    return decode_run(found) if found else None
