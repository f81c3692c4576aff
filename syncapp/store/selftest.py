"""The self-test that runs, or the last one, in the local `_sync_metadata`: {_id: "selftest", run, state, wanted: names of
parts, seconds, rate, by, host, pid, until: date, startedAt, endedAt, result: as `--json` prints it, and the part that is
tested, made: [{kind, name}], beat: the periodic task that beat has sent last}.

One at a time: whoever runs renews `until`, by the local server's clock. What a self-test makes on the servers is noted in
`made` before it is made, and removed from it when it is gone; a later self-test removes what an earlier one left.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.store.names import METADATA, SELFTEST

LEASE_MS = 15_000
BEAT_TASK = "syncapp.maintenance.answer_beat"  # the Celery task by which beat is seen at work


class State(StrEnum):
    WAITING = "waiting"  # its process is being started
    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"


OPEN = (State.WAITING, State.RUNNING)


class Kind(StrEnum):
    """Of what a self-test makes. The order is that of the removal."""

    TASK = "periodic task"
    EXCLUSION = "exclusion"
    RULE = "validation rule"
    COLLECTION = "collection"
    LOCAL_ONLY = "collection of the local side that is not synchronised"
    ATLAS_ONLY = "collection of Atlas that is not synchronised"


class Made(NamedTuple):
    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """`run`: 12 hexadecimal digits. `parts`: names. `seconds` and `rate`: None: the default. `by`: who started it."""

    run: str
    parts: tuple[str, ...]
    seconds: float | None = None
    rate: float | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Selftest:
    wanted: Wanted
    state: State
    holder: str  # host and process
    started_at: dt.datetime
    ended_at: dt.datetime | None
    result: Mapping[str, Any] = field(default_factory=dict)


def reserve(local: Database[Any], wanted: Wanted, state: State) -> bool:
    """Become the one that runs, in this process or in one that adopts it. False: another one runs. Raises PyMongoError."""
    free: list[dict[str, Any]] = [
        {"state": {"$nin": list(OPEN)}},
        {"$expr": {"$lt": ["$until", "$$NOW"]}},
        {"run": _dead(local)},
    ]
    values = {
        "run": wanted.run,
        "state": state.value,
        "wanted": list(wanted.parts),
        "seconds": wanted.seconds,
        "rate": wanted.rate,
        "by": wanted.by,
        "startedAt": dt.datetime.now(dt.UTC),
        "endedAt": None,
        "result": {},
        **_this_process(),
    }
    change = {**{name: {"$literal": value} for name, value in values.items()}, "until": _UNTIL}
    try:
        local[METADATA].update_one({"_id": SELFTEST}, {"$setOnInsert": {"made": []}}, upsert=True)
        return bool(
            local[METADATA].update_one({"_id": SELFTEST, "$or": free}, [{"$set": change}]).matched_count
        )
    except DuplicateKeyError:  # two made the record at the same moment
        return False


def adopt(local: Database[Any], run: str) -> bool:
    """Run a reserved one in this process. False: it is not reserved any more. Raises PyMongoError."""
    change = {**_this_process(), "state": State.RUNNING.value}
    values = {**{name: {"$literal": value} for name, value in change.items()}, "until": _UNTIL}
    query = {"_id": SELFTEST, "run": run, "state": State.WAITING.value}
    return bool(local[METADATA].update_one(query, [{"$set": values}]).matched_count)


def renew(local: Database[Any], run: str) -> None:
    """Raises PyMongoError."""
    local[METADATA].update_one(_mine(run), [{"$set": {"until": _UNTIL}}])


def note_result(local: Database[Any], run: str, result: Mapping[str, Any]) -> None:
    """Raises PyMongoError."""
    local[METADATA].update_one(_mine(run), {"$set": {"result": dict(result)}})


def finish(local: Database[Any], run: str, state: State, result: Mapping[str, Any]) -> None:
    """Raises PyMongoError."""
    ended = {"state": state.value, "result": dict(result), "endedAt": dt.datetime.now(dt.UTC)}
    local[METADATA].update_one(_mine(run), {"$set": ended})


def load(local: Database[Any]) -> Selftest | None:
    """None: there was none. Raises PyMongoError."""
    found = _found(local)
    if found is None or "run" not in found:
        return None
    state = State(found["state"])
    if state in OPEN and (not found["alive"] or _is_dead(found)):
        state = State.INTERRUPTED
    wanted = Wanted(found["run"], tuple(found["wanted"]), found["seconds"], found["rate"], found["by"])
    holder = f"{found['host']}, process {found['pid']}"
    return Selftest(wanted, state, holder, found["startedAt"], found["endedAt"], found["result"])


def plan(local: Database[Any], made: Made) -> None:
    """Before it is made. Raises PyMongoError."""
    local[METADATA].update_one({"_id": SELFTEST}, {"$addToSet": {"made": _document(made)}}, upsert=True)


def planned(local: Database[Any]) -> list[Made]:
    """What may be there, of this self-test and of earlier ones. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": SELFTEST}) or {}
    made = [Made(Kind(one["kind"]), one["name"]) for one in found.get("made", ())]
    return sorted(made, key=lambda one: list(Kind).index(one.kind))


def gone(local: Database[Any], made: Iterable[Made]) -> None:
    """It is not there any more. Raises PyMongoError."""
    documents = [_document(one) for one in made]
    local[METADATA].update_one({"_id": SELFTEST}, {"$pullAll": {"made": documents}})


def note_beat(local: Database[Any], name: str) -> None:
    """A worker got this periodic task. Raises PyMongoError."""
    local[METADATA].update_one({"_id": SELFTEST}, {"$set": {"beat": name}})


def beat_sent(local: Database[Any], name: str) -> bool:
    """Raises PyMongoError."""
    return local[METADATA].find_one({"_id": SELFTEST, "beat": name}, {"_id": 1}) is not None


_UNTIL = {"$add": ["$$NOW", LEASE_MS]}


def _mine(run: str) -> dict[str, Any]:
    return {"_id": SELFTEST, "run": run, "state": {"$in": list(OPEN)}}


def _document(made: Made) -> dict[str, str]:
    return {"kind": made.kind.value, "name": made.name}


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _found(local: Database[Any]) -> dict[str, Any] | None:
    alive = {"$set": {"alive": {"$gt": ["$until", "$$NOW"]}}}
    return next(local[METADATA].aggregate([{"$match": {"_id": SELFTEST}}, alive]), None)


def _dead(local: Database[Any]) -> str:
    """The run whose process has ended without a word; empty: none is known."""
    found = local[METADATA].find_one({"_id": SELFTEST})
    return str(found["run"]) if found and "run" in found and _is_dead(found) else ""


def _is_dead(found: Mapping[str, Any]) -> bool:
    """Only known of this host. While it waits, the process is the one that has asked for it."""
    if found["state"] != State.RUNNING or found["host"] != socket.gethostname():
        return False
    try:
        os.kill(found["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
