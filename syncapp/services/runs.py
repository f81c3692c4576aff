"""Comparison runs as people start, follow and cancel them; resume tokens as people look at them and clear them.

Commands, API and admin call it. The listener starts what is requested here. Changes are in the audit log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.core.values import BOTH, Side
from syncapp.mirror.runs import mirror
from syncapp.models import ResumeToken
from syncapp.mongo.change_stream import token_position
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import database, local_database
from syncapp.store import runs
from syncapp.store.instance import known_instance_id
from syncapp.store.names import METADATA, token_id
from syncapp.store.run import Kind, Run

PROCESS = "comparison runs"
WHY = {Kind.RESYNC: "asked for", Kind.VERIFY: "asked for", Kind.REPAIR: "asked for"}


class RunError(Exception):
    """It cannot be done. The text says why."""


class UnknownRun(RunError):
    """There is no run with this id."""


class UnknownCollections(RunError):
    """`names`: neither side holds them, or sync does not look at them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(f"no collection that is synchronised: {', '.join(self.names)}")


class CannotCancel(RunError):
    """The run is over, or convergence depends on it."""


def start(kind: Kind, collections: Iterable[str] = (), user: Actor = None) -> Run:
    """Ask for a run over these collections; none: over all. Raises RunError or Unreachable."""
    wanted = sorted(set(collections))
    with local_database(PROCESS) as local:
        if wanted:
            with database(Side.ATLAS, PROCESS) as atlas:
                unknown = set(wanted) - set(shared_collections(local, atlas))
            if unknown:
                raise UnknownCollections(unknown)
        run = _load(local, runs.request(local, kind=kind, why=WHY[kind], collections=wanted, owes=False))
        audit(user, f"start {kind}", ", ".join(wanted) or "all collections")
        _mirror(local, run)
        return run


def show(run_id: str) -> Run:
    """Raises UnknownRun or LocalUnreachable."""
    with local_database(PROCESS) as local:
        return _load(local, run_id)


def cancel(run_id: str, user: Actor = None) -> Run:
    """Stop a run after the slice that is under way. What it marked stays marked.

    Raises UnknownRun, CannotCancel or LocalUnreachable.
    """
    by = user.get_username() if user is not None else "a person"
    with local_database(PROCESS) as local:
        if not runs.cancel(local, run_id, f"Cancelled by {by}"):
            run = _load(local, run_id)
            if not run.open:
                raise CannotCancel(f"The run is over: {run.state}")
            raise CannotCancel(
                f"The run cannot be cancelled: both sides become equal only when it is through ({run.why})"
            )
        run = _load(local, run_id)
        audit(user, f"cancel {run.kind}", run_id)
        _mirror(local, run)
        return run


@dataclass(frozen=True, slots=True)
class SavedToken:
    """A resume token as it is saved beside the local data."""

    token: str  # the server's own text; whoever needs it passes it on unchanged
    cluster_time: dt.datetime | None  # everything before it is finished; None: it is no resume token
    saved_at: dt.datetime | None

    def as_document(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "token": self.token,
            "clusterTime": self.cluster_time.isoformat() if self.cluster_time else None,
            "savedAt": self.saved_at.isoformat() if self.saved_at else None,
        }

    def __str__(self) -> str:
        if self.cluster_time is None:
            return "what is saved is not a resume token: the listener compares both sides when it starts"
        saved = f", saved {self.saved_at:%Y-%m-%d %H:%M:%S} UTC" if self.saved_at else ""
        return f"finished up to {self.cluster_time:%Y-%m-%d %H:%M:%S} UTC{saved}"


def saved_tokens(sides: Iterable[Side] = BOTH) -> dict[Side, SavedToken | None]:
    """What is saved of each side. Raises LocalUnreachable."""
    with local_database(PROCESS) as local:
        found = {side: local[METADATA].find_one({"_id": token_id(side)}) for side in sides}
    return {side: _saved(one) if one else None for side, one in found.items()}


def _saved(found: Mapping[str, Any]) -> SavedToken:
    token = found.get("token")
    token = token if isinstance(token, Mapping) else {}
    try:
        reached = dt.datetime.fromtimestamp(token_position(token) >> 32, dt.UTC)
    except ValueError:
        reached = None
    saved_at = found.get("savedAt")
    saved_at = saved_at.replace(tzinfo=dt.UTC) if isinstance(saved_at, dt.datetime) else None
    return SavedToken(str(token.get("_data", "")), reached, saved_at)


def clear_tokens(sides: Iterable[Side] = BOTH, user: Actor = None) -> list[Side]:
    """Forget where streams were read to: the listener compares both sides, at once or at its next start.

    Returns the sides that had a token. Raises LocalUnreachable.
    """
    with local_database(PROCESS) as local:
        cleared = [
            side for side in sides if local[METADATA].delete_one({"_id": token_id(side)}).deleted_count
        ]
        device = known_instance_id(local)
    if cleared:
        names = [side.value for side in cleared]
        ResumeToken.objects.filter(instance_id=device, side__in=names).delete()
        audit(user, "clear resume token", ", ".join(names))
    return cleared


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
        "samples": [dict(one) for one in run.samples],
        "error": run.error,
        "startedAt": run.requested_at.isoformat(),
        "updatedAt": run.updated_at.isoformat(),
        "endedAt": run.ended_at.isoformat() if run.ended_at else None,
    }


def _load(local: Database[Any], run_id: str) -> Run:
    run = runs.load(local, run_id)
    if run is None:
        raise UnknownRun(f"There is no run with the id {run_id!r}")
    return run


def _mirror(local: Database[Any], run: Run) -> None:
    """At once, so that lists show it; the listener does it from here on."""
    device = known_instance_id(local)
    if device:
        mirror(device, run)
