"""The self-test as people start it and look at it.

API and admin start it as a process of its own (`manage.py sync_selftest`): it must be able to say that no worker and no
listener is there, and must not take the place of a worker that it waits for. State and result are in the local MongoDB.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from typing import Any

from syncapp.conf.settings import BASE_DIR
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import local_database
from syncapp.services.errors import NotPossible, Overtaken
from syncapp.store import selftest as record
from syncapp.store.selftest import OPEN, Selftest, State, Wanted

PROCESS = ACTION = "self-test"  # in the servers' log; in the audit log
COMMAND = "sync_selftest"
LONGEST_SECONDS, HIGHEST_RATE = 3_600, 10_000


def wanted(
    parts: Sequence[str], seconds: float | None = None, rate: float | None = None, by: str = ""
) -> Wanted:
    """A new one. `parts`: names."""
    return Wanted(uuid.uuid4().hex[:12], tuple(parts), seconds, rate, by)


def start(
    parts: Sequence[str], seconds: float | None = None, rate: float | None = None, user: Actor = None
) -> Selftest:
    """Start it, and do not wait. Raises Overtaken if one runs, NotPossible or Unreachable."""
    one = wanted(parts, seconds, rate, user.get_username() if user is not None else "")
    with local_database(PROCESS) as local:
        if not record.reserve(local, one, State.WAITING):
            raise Overtaken(already_running(record.load(local)))
        audit(user, ACTION, ", ".join(parts), after={"parts": list(parts), "seconds": seconds, "rate": rate})
        _spawn(one.run)
        found = record.load(local)
    if found is None:
        raise NotPossible("The local database was emptied meanwhile")
    return found


def show() -> Selftest | None:
    """The one that runs, or the last one; None: there was none. Raises Unreachable."""
    with local_database(PROCESS) as local:
        return record.load(local)


def already_running(found: Selftest | None) -> str:
    if found is None:
        return "Another self-test has just been started"
    return f"A self-test runs already: {found.holder}, since {found.started_at:%Y-%m-%d %H:%M:%S} UTC"


def as_document(found: Selftest | None) -> dict[str, Any]:
    """As the API shows it."""
    if found is None:
        return {
            "state": "none", "id": None, "wanted": [], "by": "", "startedAt": None, "endedAt": None,
            "current": None, "ok": None, "parts": [],
        }  # fmt: skip
    over = found.state not in OPEN
    return {
        "state": found.state.value,
        "id": found.wanted.run,
        "wanted": list(found.wanted.parts),
        "by": found.wanted.by,
        "startedAt": found.started_at.isoformat(),
        "endedAt": found.ended_at.isoformat() if found.ended_at else None,
        "current": None if over else found.result.get("current"),
        "ok": found.result.get("ok") if found.state is State.DONE else None,
        "parts": list(found.result.get("parts", ())),
    }


def _spawn(run: str) -> None:
    """It inherits this process's environment, and its log goes to the same place."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), COMMAND, "--reserved", run]
    try:
        process = subprocess.Popen(command, cwd=BASE_DIR, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    except OSError as error:
        raise NotPossible(f"The process of the self-test cannot be started: {error}") from error
    # Else it would stay in the list of processes after its end
    threading.Thread(target=process.wait, name="self-test", daemon=True).start()
