"""Mirrors comparison runs to Django's database, for admin and API. The local `_sync_runs` is authoritative."""

from __future__ import annotations

import datetime as dt
from typing import Any

from syncapp.mirror.compared import keep_results
from syncapp.models import ComparisonRun
from syncapp.store.results import results_of
from syncapp.store.run import Run

KEEP = dt.timedelta(days=30)


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
