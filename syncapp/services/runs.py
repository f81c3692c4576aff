"""Comparison runs as people start, follow, pause, resume and cancel them.

Commands, API and admin call it. The listener starts what is requested here. Changes are in the audit log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.core.values import Side
from syncapp.mirror.runs import mirror
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import database, local_database
from syncapp.services.errors import NotFound, NotPossible, Overtaken, wrong_value
from syncapp.store import runs
from syncapp.store.instance import known_instance_id
from syncapp.store.results import results_of
from syncapp.store.run import Kind, Run
from syncapp.store.run_list import find_runs, newest_runs

PROCESS = "comparison runs"
WHY = {Kind.RESYNC: "requested", Kind.VERIFY: "requested", Kind.REPAIR: "requested"}
MOST_COLLECTIONS = 1_000
# Before and after, for the audit log
CHANGES = {
    "pause": ({"paused": False}, {"paused": True}),
    "resume": ({"paused": True}, {"paused": False}),
    "cancel": ({"cancelled": False}, {"cancelled": True}),
}
COLLECTIONS = f"a list of at most {MOST_COLLECTIONS} names of collections that are synchronised"


def start(kind: Kind, collections: Iterable[str] = (), user: Actor = None) -> Run:
    """Request a run over these collections; none: over all. Raises WrongInput or Unreachable."""
    wanted = sorted(set(collections))
    with local_database(PROCESS) as local:
        if wanted:
            with database(Side.ATLAS, PROCESS) as atlas:
                unknown = set(wanted) - set(shared_collections(local, atlas))
            if unknown:
                raise wrong_value("collections", sorted(unknown), COLLECTIONS)
        run = _load(local, runs.request(local, kind=kind, why=WHY[kind], collections=wanted, owes=False))
        after = {"run": run.id, "collections": wanted}
        audit(user, f"start {kind}", ", ".join(wanted) or "all collections", after=after)
        _mirror(local, run)
        return run


def show(run_id: str) -> Run:
    """Raises NotFound or Unreachable."""
    with local_database(PROCESS) as local:
        return _load(local, run_id)


def find(some_id: str) -> Run:
    """By its id, or the start of it; empty: the only one that is not over. Raises NotFound, NotPossible or Unreachable."""
    with local_database(PROCESS) as local:
        found = find_runs(local, some_id)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(
            f"There is no run with the id {some_id!r}" if some_id else "No run is waiting, running or paused"
        )
    ids = ", ".join(one.id for one in found)
    raise NotPossible(f"There are several: name one of {ids}")


def newest(number: int) -> list[Run]:
    """The runs of the last 30 days, newest first. Raises Unreachable."""
    with local_database(PROCESS) as local:
        return newest_runs(local, number)


def pause(run_id: str, user: Actor = None) -> Run:
    """Until it is resumed, whatever is restarted meanwhile. Raises NotFound, Overtaken, NotPossible or Unreachable."""
    with local_database(PROCESS) as local:
        if not runs.pause(local, run_id):
            run = _load(local, run_id)
            if run.kind is Kind.FIRST_RUN and run.open:
                raise NotPossible(
                    "The first run cannot be paused: stop the listener; the next one continues it"
                )
            raise _overtaken(run)
        return _changed(local, run_id, "pause", user)


def resume(run_id: str, user: Actor = None) -> Run:
    """A paused run continues where it was. Raises NotFound, Overtaken or Unreachable."""
    with local_database(PROCESS) as local:
        if not runs.resume(local, run_id):
            raise _overtaken(_load(local, run_id))
        return _changed(local, run_id, "resume", user)


def cancel(run_id: str, user: Actor = None) -> Run:
    """Stop a run after its current slice. Marked documents stay queued.

    Raises NotFound, Overtaken, NotPossible or Unreachable.
    """
    by = user.get_username() if user is not None else "an operator"
    with local_database(PROCESS) as local:
        if not runs.cancel(local, run_id, f"Cancelled by {by}"):
            run = _load(local, run_id)
            if not run.open:
                raise _overtaken(run)
            raise NotPossible(f"The run cannot be cancelled: convergence depends on it ({run.why})")
        return _changed(local, run_id, "cancel", user)


def withdraw(run_id: str, why: str) -> bool:
    """Of somebody who requested it and does not wait any longer. False: it was begun. Raises Unreachable."""
    with local_database(PROCESS) as local:
        withdrawn = runs.withdraw(local, run_id, why)
        if withdrawn:
            _mirror(local, _load(local, run_id))
        return withdrawn


def as_document(run: Run) -> dict[str, Any]:
    """As API and `--json` show it."""
    return {
        "id": run.id,
        "kind": run.kind.value,
        "why": run.why,
        "state": run.state.value,
        "collections": list(run.collections),
        "collection": run.collection,
        "expected": run.expected,
        **run.counts,
        "asAgreed": run.as_agreed,
        "rate": run.rate,
        "secondsLeft": run.seconds_left,
        "byCollection": [one.as_document() for one in results_of(run)],
        "samples": [dict(one) for one in run.samples],
        "error": run.error,
        "startedAt": run.requested_at.isoformat(),
        "updatedAt": run.updated_at.isoformat(),
        "pausedAt": run.paused_at.isoformat() if run.paused_at else None,
        "endedAt": run.ended_at.isoformat() if run.ended_at else None,
    }


def _changed(local: Database[Any], run_id: str, what: str, user: Actor) -> Run:
    run = _load(local, run_id)
    audit(user, f"{what} {run.kind}", run_id, *CHANGES[what])
    _mirror(local, run)
    return run


def _overtaken(run: Run) -> Overtaken:
    return Overtaken(f"The run is {run.state}" if run.open else f"The run has ended: {run.state}")


def _load(local: Database[Any], run_id: str) -> Run:
    run = runs.load(local, run_id)
    if run is None:
        raise NotFound(f"There is no run with the id {run_id!r}")
    return run


def _mirror(local: Database[Any], run: Run) -> None:
    """At once, so that lists show it; later the listener does it."""
    device = known_instance_id(local)
    if device:
        mirror(device, run)
