"""Mirrors comparison runs to Django's database, for admin and API. The local `_sync_runs` is authoritative."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database

from syncapp.mirror.compared import keep_results
from syncapp.models import ComparisonRun
from syncapp.store.results import results_of
from syncapp.store.run import Run
from syncapp.store.runs import known

KEEP = dt.timedelta(days=30)
UNFINISHED = (ComparisonRun.State.WAITING, ComparisonRun.State.RUNNING, ComparisonRun.State.PAUSED)
GONE = "The local database was dropped or replaced, and this run with it"


def mirror(device: str, run: Run) -> ComparisonRun:
    """Raises DatabaseError."""
    row, made = ComparisonRun.objects.update_or_create(
        run_id=run.id, defaults={"instance_id": device, **_values(run)}
    )
    if run.ended_at:
        keep_results(device, run)
    if made:
        ended = dt.datetime.now(dt.UTC) - KEEP
        ComparisonRun.objects.filter(ended_at__lt=ended).delete()
    return row


def end_gone(local: Database[Any]) -> None:
    """End the rows of unfinished runs whose records are gone: the local database was dropped, or is another one. Raises
    PyMongoError or DatabaseError."""
    unfinished = ComparisonRun.objects.filter(state__in=UNFINISHED)
    ids = set(unfinished.values_list("run_id", flat=True))
    if gone := ids - known(local, ids):
        now = dt.datetime.now(dt.UTC)
        unfinished.filter(run_id__in=gone).update(
            state=ComparisonRun.State.CANCELLED, error=GONE, updated_at=now, ended_at=now
        )


def _values(run: Run) -> dict[str, Any]:
    return {
        "kind": run.kind.value,
        "why": run.why[:300],
        "state": run.state.value,
        "collections": list(run.collections),
        "collection": run.collection,
        "documents": run.counts["documents"],
        "expected": run.expected,
        "equal": run.counts["equal"],
        "different": run.counts["different"],
        "only_local": run.counts["onlyLocal"],
        "only_atlas": run.counts["onlyAtlas"],
        "marked": run.counts["marked"],
        "rate": run.rate,
        "seconds_left": run.seconds_left,
        "by_collection": [one.as_document() for one in results_of(run)],
        "samples": [dict(one) for one in run.samples],
        "error": run.error,
        "started_at": run.requested_at,
        "updated_at": run.updated_at,
        "paused_at": run.paused_at,
        "ended_at": run.ended_at,
    }
