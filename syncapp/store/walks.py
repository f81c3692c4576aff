"""The walk of the first run through both databases, as one of the runs in the local `_sync_runs`, so that a listener
that comes after a crash goes on where the last one was: beside what every run has, {basis: what it depends on, points:
{side: token}, names: [collection], at: index in names, start: the `_id` to go on from, report, owed}."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from syncapp.store import runs
from syncapp.store.names import RUNS
from syncapp.store.run import Kind, State

_RUNNING = {"kind": Kind.FIRST_RUN.value, "state": State.RUNNING.value}


def find_walk(local: Database[Any], basis: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one of this basis that was not finished. Raises PyMongoError."""
    return local[RUNS].find_one({**_RUNNING, "basis": basis})


def begin_walk(local: Database[Any], why: str, values: Mapping[str, Any]) -> str:
    """In place of any other. Returns its id. Raises PyMongoError."""
    local[RUNS].update_many(_RUNNING, {"$set": {"state": State.CANCELLED.value}, "$inc": {"v": 1}})
    run_id = runs.request(local, kind=Kind.FIRST_RUN, why=why)
    local[RUNS].update_one({"_id": run_id}, {"$set": {"state": State.RUNNING.value, **values}})
    return run_id


def save_walk(local: Database[Any], run_id: str, values: Mapping[str, Any]) -> None:
    """How far it is. Raises PyMongoError."""
    change = {"$set": {**values, "updatedAt": dt.datetime.now(dt.UTC)}, "$inc": {"slice": 1, "v": 1}}
    local[RUNS].update_one({"_id": run_id, **_RUNNING}, change)


def end_walk(local: Database[Any], run_id: str) -> None:
    """Nothing is to go on with any more. Raises PyMongoError."""
    change = {"$set": {"state": State.DONE.value, "endedAt": dt.datetime.now(dt.UTC)}, "$inc": {"v": 1}}
    local[RUNS].update_one({"_id": run_id}, change)
