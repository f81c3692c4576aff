"""The first run's walk through both databases, as one of the runs in the local `_sync_runs`, so that after a crash the
next listener continues where the last one was. Besides the fields of every run: {basis: what it depends on, points:
{side: token}, names: [collection], at: index in names, start: the `_id` to continue at, report, owed}. The listener writes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.core.values import BOTH, Side
from syncapp.store import runs
from syncapp.store.names import RUNS
from syncapp.store.pace import after_work
from syncapp.store.run import Kind, State

_RUNNING = {"kind": Kind.FIRST_RUN.value, "state": State.RUNNING.value}


@dataclass(slots=True)
class WalkRecord:
    """`report`: as documents keep it. `points`: where both streams are read from when the first run is done."""

    basis: Mapping[str, Any]
    points: dict[Side, dict[str, Any]]
    names: list[str]
    report: Mapping[str, Any]
    at: int = 0
    start: bytes | None = None
    owed: bool = False


def find_walk(local: Database[Any], basis: Mapping[str, Any]) -> tuple[str, WalkRecord] | None:
    """The one of this basis that was not finished, and its id; its time counts again from now on. Raises PyMongoError."""
    found = local[RUNS].find_one_and_update(
        {**_RUNNING, "basis": basis}, {"$currentDate": {"workedFrom": True}}
    )
    if found is None:
        return None
    points = {side: found["points"][side.value] for side in BOTH}
    record = WalkRecord(
        basis, points, found["names"], found["report"], found["at"], found["start"], found["owed"]
    )
    return found["_id"], record


def begin_walk(local: Database[Any], why: str, walk: WalkRecord, expected: int) -> str:
    """In place of any other. `expected`: about how many documents. Returns its id. Raises PyMongoError."""
    local[RUNS].update_many(_RUNNING, {"$set": {"state": State.CANCELLED.value}, "$inc": {"v": 1}})
    run_id = runs.request(local, kind=Kind.FIRST_RUN, why=why)
    values = {
        "state": State.RUNNING.value,
        "basis": walk.basis,
        "points": {side.value: dict(token) for side, token in walk.points.items()},
        "names": walk.names,
        "expected": expected,
        "report": walk.report,
        "owed": walk.owed,
    }
    local[RUNS].update_one({"_id": run_id}, {"$set": values, "$currentDate": {"workedFrom": True}})
    return run_id


def save_walk(local: Database[Any], run_id: str, walk: WalkRecord, counts: Mapping[str, Any]) -> None:
    """Save the progress. Raises PyMongoError."""
    values = {
        "at": walk.at,
        "start": walk.start,
        "owed": walk.owed,
        "report": walk.report,
        "counts": counts,
    }
    change: dict[str, Any] = {name: {"$literal": value} for name, value in values.items()}
    change |= {"updatedAt": "$$NOW", "slice": {"$add": ["$slice", 1]}, "v": {"$add": ["$v", 1]}}
    change |= after_work({"$subtract": [counts["documents"], "$counts.documents"]})
    local[RUNS].update_one({"_id": run_id, **_RUNNING}, [{"$set": change}])


def end_walk(local: Database[Any], run_id: str) -> None:
    """The walk is finished. Raises PyMongoError."""
    change = {"$set": {"state": State.DONE.value, "endedAt": dt.datetime.now(dt.UTC)}, "$inc": {"v": 1}}
    local[RUNS].update_one({"_id": run_id}, change)
