"""Comparison runs, in the local `_sync_runs`: what is compared and why, its progress,
and results. A run survives the loss of the broker and of Django's database; every change of one is a
compare-and-set, so that concurrent work on one run is harmless.

{_id, kind, why, collections, treatment, owes, state, slice, dueAt, names, at, start, counts, results, samples, …}
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.values import UnknownTime
from syncapp.store import narrowing
from syncapp.store.names import RUNS
from syncapp.store.pace import UNWORKED, after_work
from syncapp.store.results import with_ends
from syncapp.store.run import COUNTS, OPEN, TO_DO, Kind, Part, Progress, Run, State, Treatment, decode_run

KEEP_ENDED_SECONDS = 30 * 86_400
SAMPLES = 20
LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
__all__ = ["Kind", "Progress", "Run", "State", "Treatment"]


def ensure_indexes(local: Database[Any]) -> None:
    local[RUNS].create_index("endedAt", expireAfterSeconds=KEEP_ENDED_SECONDS)


def request(
    local: Database[Any],
    *,
    kind: Kind,
    why: str,
    collections: Iterable[str] | None = None,
    treatment: Treatment = Treatment.AS_AGREED,
    prefer: UnknownTime | None = None,
    session: ClientSession | None = None,
    run_id: str = "",
    owes: bool = True,
    part: Part | None = None,
) -> str:
    """Note a run, which the listener starts. Returns its id. Raises PyMongoError.

    `prefer`: who wins the conflicts that Treatment.UNKNOWN makes. `owes`: convergence depends on the run, so
    operators cannot cancel it. `part`: of both sides, for a limited time; None: everything. With a `session` it is part of that transaction, in which it must be the only one to use its `run_id`.
    Asking again with the same `run_id` changes nothing.
    """
    if run_id and local[RUNS].find_one({"_id": run_id}, {"_id": 1}, session=session):
        return run_id
    now = dt.datetime.now(dt.UTC)
    document = {
        "_id": run_id or str(uuid.uuid4()),
        "kind": kind.value,
        "why": why,
        "collections": sorted(set(collections or ())),
        "treatment": treatment.value,
        "prefer": prefer.value if prefer else None,
        "owes": owes,
        "state": State.WAITING.value,
        "slice": 0,
        "dueAt": now,
        "names": None,
        "at": 0,
        "start": None,
        "suspects": [],
        "expected": 0,
        "counts": dict.fromkeys(COUNTS, 0),
        "samples": [],
        "error": "",
        "failures": 0,
        "narrow": {},
        "leftOut": 0,
        "results": [],
        **UNWORKED,
        **(part.as_document() if part else {}),
        "v": 1,
        "mirrored": 0,
        "requestedAt": now,
        "updatedAt": now,
    }
    try:
        local[RUNS].insert_one(document, session=session)
    except DuplicateKeyError:
        if session is not None or not run_id:
            raise
    return str(document["_id"])


def compare_collections(
    local: Database[Any], why: str, names: Collection[str], session: ClientSession | None = None
) -> None:
    """Request a comparison with the agreed contents. A waiting run with the same reason is extended,
    since such events often concern many collections. Raises PyMongoError."""
    waiting: dict[str, Any] = {
        "kind": Kind.RESYNC.value,
        "treatment": Treatment.AS_AGREED.value,
        "why": why,
        "state": State.WAITING.value,
        "names": None,
        "collections": {"$ne": []},
    }
    change = {"$addToSet": {"collections": {"$each": list(names)}}, "$inc": {"v": 1}}
    if not local[RUNS].update_one(waiting, change, session=session).matched_count:
        request(local, kind=Kind.RESYNC, why=why, collections=names, session=session)


def supersede(local: Database[Any], by: str, session: ClientSession | None = None) -> None:
    """A new run over everything replaces older ones of its kind."""
    older = {
        "_id": {"$ne": by},
        "kind": Kind.RESYNC.value,
        "treatment": Treatment.AS_AGREED.value,
        "state": {"$in": OPEN},
    }
    text = f"Superseded by run {by}"
    local[RUNS].update_many(older, _ended(State.CANCELLED, text), session=session)


def load(local: Database[Any], run_id: str) -> Run | None:
    """Raises PyMongoError."""
    found = local[RUNS].find_one({"_id": run_id})
    return decode_run(found) if found else None


def known(local: Database[Any], run_ids: Iterable[str]) -> set[str]:
    """Those of the runs that have a record. Raises PyMongoError."""
    return {one["_id"] for one in local[RUNS].find({"_id": {"$in": list(run_ids)}}, {"_id": 1})}


def load_open(local: Database[Any]) -> list[Run]:
    """Runs that are neither over nor paused, in the order in which they are worked on. Raises PyMongoError."""
    order = [("owes", -1), ("budgetMs", 1), ("requestedAt", 1), ("_id", 1)]
    query = {"state": {"$in": TO_DO}, "kind": {"$ne": Kind.FIRST_RUN.value}}
    return [decode_run(found) for found in local[RUNS].find(query).sort(order)]


def load_unmirrored(local: Database[Any]) -> list[Run]:
    """Runs that have changed since they were mirrored last. Raises PyMongoError."""
    query = {"$expr": {"$ne": ["$v", "$mirrored"]}}
    return [decode_run(found) for found in local[RUNS].find(query, {"suspects": 0}).sort("requestedAt", 1)]


def note_mirrored(local: Database[Any], run: Run) -> None:
    local[RUNS].update_one({"_id": run.id}, {"$max": {"mirrored": run.version}})


def start(local: Database[Any], run: Run) -> bool:
    """Start or resume a waiting run. False: it was already started."""
    change: dict[str, Any] = {
        "$set": {"state": State.RUNNING.value, "begun": False},
        "$currentDate": {"updatedAt": True, "dueAt": True, "workedFrom": True},
        "$inc": {"v": 1},
    }
    if run.started_at is None:
        change["$currentDate"]["startedAt"] = True
    return _changed(local, {"_id": run.id, "state": State.WAITING.value}, change)


def interrupt(local: Database[Any], run: Run) -> bool:
    """Interrupt a running one: another has priority. Its progress is kept."""
    change = {"$set": {"state": State.WAITING.value}, "$currentDate": {"updatedAt": True}, "$inc": {"v": 1}}
    return _changed(local, {"_id": run.id, "state": State.RUNNING.value}, change)


def begin(local: Database[Any], run: Run) -> bool:
    """A worker process starts a slice. False: it is obsolete. Raises PyMongoError."""
    return local[RUNS].update_one(_slice(run.id, run.slice), {"$set": {"begun": True}}).matched_count == 1


def note_loss(local: Database[Any], run_id: str, number: int, why: str) -> bool:
    """The process of this slice has ended: it is resent at once, in smaller pages. Raises
    PyMongoError."""
    change = {**narrowing.AFTER_A_LOSS, "error": {"$literal": why}, "dueAt": LONG_AGO, "begun": False}
    more = {"updatedAt": "$$NOW", "v": {"$add": ["$v", 1]}}
    return _changed(local, {**_slice(run_id, number), "begun": True}, [{"$set": {**change, **more}}])


def claim_lost(local: Database[Any], run: Run, lost_ms: int) -> bool:
    """Has nobody worked on this run for so long after it was due that its task must be lost? Then it counts
    as sent again, and goes on more carefully if a process had begun it. Times are the server's."""
    patience = narrowing.patience(lost_ms, run.narrow)
    late = {"$lt": ["$dueAt", {"$subtract": ["$$NOW", patience]}]}
    query = {**_slice(run.id, run.slice), "$expr": late}
    begun: dict[str, Any] = {"narrow": {"$cond": ["$begun", narrowing.AFTER_A_LOSS["narrow"], "$narrow"]}}
    return _changed(
        local, query, [{"$set": {**begun, "dueAt": "$$NOW", "workedFrom": "$$NOW", "begun": False}}]
    )


def _slice(run_id: str, number: int) -> dict[str, Any]:
    return {"_id": run_id, "state": State.RUNNING.value, "slice": number}


def save_progress(local: Database[Any], run: Run, progress: Progress, pause_seconds: float) -> Run | None:
    """Save a slice's result; the next one is due after the pause. None: another task did this slice, or
    the run was cancelled. Raises PyMongoError."""
    values: dict[str, Any] = {
        "names": list(progress.names),
        "at": progress.at,
        "start": progress.start,
        "suspects": progress.suspects,
        "expected": progress.expected,
        "samples": [*run.samples, *progress.samples][:SAMPLES],
        "slice": run.slice + 1,
        "failures": 0,
        "begun": False,
        "narrow": narrowing.after(run.narrow, progress.passed),
        "leftOut": run.left_out + progress.left_out,
        "error": narrowing.left_out_text(run.left_out + progress.left_out),
        "counts": {name: run.counts[name] + progress.counts[name] for name in COUNTS},
        "results": with_ends(progress.results.values(), progress.names[: progress.at], progress.suspects),
    }
    set_stage: dict[str, Any] = {name: {"$literal": value} for name, value in values.items()}
    set_stage |= {"dueAt": {"$add": ["$$NOW", round(pause_seconds * 1000)]}, "updatedAt": "$$NOW"}
    set_stage |= {"v": {"$add": ["$v", 1]}, **after_work(progress.counts["documents"])}
    if progress.over:
        set_stage |= {"state": State.DONE.value, "endedAt": "$$NOW"}
    found = local[RUNS].find_one_and_update(
        {"_id": run.id, "slice": run.slice, "state": State.RUNNING.value},
        [{"$set": set_stage}],
        return_document=ReturnDocument.AFTER,
    )
    return decode_run(found) if found else None


def note_failure(local: Database[Any], run: Run, error: str, given_up: bool = False) -> None:
    """A slice failed. Unless it is given up, it is retried when its task counts as lost."""
    query = _slice(run.id, run.slice)
    if given_up:
        local[RUNS].update_one(query, _ended(State.FAILED, error))
    else:
        change = {
            "$set": {"error": error, "begun": False},
            "$currentDate": {"updatedAt": True},
            "$inc": {"failures": 1, "v": 1},
        }
        local[RUNS].update_one(query, change)


def pause(local: Database[Any], run_id: str) -> bool:
    """Nobody works on it until it is resumed; its progress is kept, but for the slice under way. False: there is no
    such run that is waiting or running. Raises PyMongoError."""
    query = {"_id": run_id, "state": {"$in": TO_DO}, "kind": {"$ne": Kind.FIRST_RUN.value}}
    change = {
        "$set": {"state": State.PAUSED.value},
        "$currentDate": {"updatedAt": True, "pausedAt": True},
        "$inc": {"v": 1},
    }
    return _changed(local, query, change)


def resume(local: Database[Any], run_id: str) -> bool:
    """It waits for its turn, and continues where it was. False: it is not paused. Raises PyMongoError."""
    change = {
        "$set": {"state": State.WAITING.value},
        "$unset": {"pausedAt": True},
        "$currentDate": {"updatedAt": True},
        "$inc": {"v": 1},
    }
    return _changed(local, {"_id": run_id, "state": State.PAUSED.value}, change)


def withdraw(local: Database[Any], run_id: str, text: str) -> bool:
    """Cancel it if nobody has ever begun it. False: somebody has. Raises PyMongoError."""
    query = {"_id": run_id, "state": State.WAITING.value, "names": None, "owes": False}
    return _changed(local, query, _ended(State.CANCELLED, text))


def cancel(local: Database[Any], run_id: str, text: str) -> bool:
    """False: there is no such run that is open and may be cancelled. Raises PyMongoError."""
    query = {"_id": run_id, "state": {"$in": OPEN}, "owes": False}
    return _changed(local, query, _ended(State.CANCELLED, text))


def _ended(state: State, text: str) -> dict[str, Any]:
    return {
        "$set": {"state": state.value, "error": text, "suspects": []},
        "$unset": {"pausedAt": True},
        "$currentDate": {"updatedAt": True, "endedAt": True},
        "$inc": {"v": 1},
    }


def _changed(local: Database[Any], query: dict[str, Any], change: Any) -> bool:
    return local[RUNS].update_one(query, change).modified_count == 1
