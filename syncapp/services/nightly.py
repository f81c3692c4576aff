"""The nightly verification: every night a part of both sides, for a limited time; the next night continues after it."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.compare.gone import count_documents
from syncapp.compare.rolling import next_part
from syncapp.core.values import Side
from syncapp.rules.switches import get_switches
from syncapp.services.databases import database, local_database
from syncapp.store import first_run, runs
from syncapp.store.halts import load_halts
from syncapp.store.lease import active_listener
from syncapp.store.run import Kind
from syncapp.store.run_list import find_runs, last_part

PROCESS = "nightly verification"
WHY = "nightly verification of a part"


def request_part(minutes: int) -> tuple[str, str]:
    """The id of the run that was requested, for so many minutes; empty: none was, and why. Raises Unreachable."""
    if not minutes:
        return "", "SYNC_VERIFY_MINUTES is 0"
    with local_database(PROCESS) as local:
        if why := _why_not(local):
            return "", why
        with database(Side.ATLAS, PROCESS) as atlas:
            names = shared_collections(local, atlas)
            expected = sum(max(count_documents(side, name) for side in (local, atlas)) for name in names)
        part = next_part(names, last_part(local), expected, minutes * 60_000)
        if not part.names:
            return "", "there are no collections"
        return runs.request(local, kind=Kind.VERIFY, why=WHY, owes=False, part=part), ""


def _why_not(local: Database[Any]) -> str:
    """Empty: it may be done now."""
    if first_run.load(local).state is not first_run.State.DONE:
        return "the first run is not done"
    if find_runs(local, ""):
        return "another comparison run is under way"
    if load_halts(local):
        return "sync is halted"
    if get_switches().paused:
        return "sync is paused"
    return "" if active_listener(local) else "no listener is active"
