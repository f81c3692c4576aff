"""The dashboard's data: key figures for scripts, and all data of the live page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Length
from django.http import HttpRequest
from django.urls import reverse

from monitoring import figures
from monitoring.facts import TEN_MINUTES, Snapshot, take_snapshot
from monitoring.health import conflict_level, error_level
from monitoring.versions import compare
from syncapp.conf.settings import get_settings
from syncapp.mirror.waiting import waiting
from syncapp.models import Conflict, MetricMinute, RejectedChange
from syncapp.models.choices import Direction
from syncapp.services.roles import may_operate, may_see_bodies

MINUTES_SHOWN = 30
CONFLICTS_SHOWN = 5
LONGEST_SHOWN = 20_000  # characters of a version; longer ones are shown on their own page only


def page_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The template's context: unfold calls this for the admin's first page, and so does our view."""
    return {
        **context,
        "title": "Dashboard",
        "live": live_figures(may_see_bodies(request.user)),
        "may_operate": may_operate(request.user),
    }


def script_figures() -> dict[str, Any]:
    """`syncLag` in ms, `conflictRate` an hour, `errorRate` in percent of the last hour's changes, in the
    direction where it is larger."""
    snapshot = take_snapshot()
    return _short(snapshot)


def _short(snapshot: Snapshot) -> dict[str, Any]:
    instance, facts = snapshot.instance, snapshot.facts
    return {
        "timestamp": snapshot.at.isoformat(),
        "health": str(snapshot.health.status),
        "syncLag": figures.sync_lag_ms(instance, snapshot.switches.enabled, snapshot.at),
        "conflictRate": facts.conflicts_last_hour,
        "errorRate": round(snapshot.worst.error_share * 100, 2),
        "queueSize": instance.queue_size if instance else 0,
        "halts": sum(not halt.answer for halt in snapshot.facts.safety.halts),
    }


def live_figures(bodies: bool = False) -> dict[str, Any]:
    """`bodies`: with the documents of the latest conflicts."""
    snapshot = take_snapshot()
    now, instance, switches, facts = snapshot.at, snapshot.instance, snapshot.switches, snapshot.facts
    hour = figures.totals(now - figures.HOUR)
    return {
        **_short(snapshot),
        "errors": {"failed": snapshot.worst.failed, "processed": snapshot.worst.processed},
        "levels": {
            "errorRate": str(error_level(snapshot.worst, snapshot.limits)),
            "conflictRate": str(conflict_level(facts.conflicts_last_hour, snapshot.limits)),
        },
        "message": snapshot.health.message,
        "reasons": [reason.as_document() for reason in snapshot.health.reasons],
        "enabled": switches.enabled,
        "paused": switches.paused,
        "strategy": switches.strategy,
        "everRan": instance is not None,
        "notStarted": bool(facts.waiting_for),
        # The first run is pending or in progress; not if the whole device is halted
        "firstRun": bool(facts.waiting_for) and not any(not halt.side for halt in facts.safety.halts),
        "ownDatabases": bool(get_settings().mongodb_uri),
        "instanceId": instance.instance_id if instance else None,
        "holder": instance.holder if instance else "",
        "streams": {"local": str(snapshot.local_stream), "atlas": str(snapshot.atlas_stream)},
        "lastError": instance.last_error if instance else "",
        "inFlight": instance.in_flight if instance else 0,
        # Figures of a listener that no longer reports are shown with their time
        "silentSince": instance.seen_at.isoformat()
        if instance and instance.seen_at and snapshot.is_silent
        else None,
        "clockOffsetMs": instance.clock_offset_ms if instance else 0,
        "refused": sorted(instance.refused) if instance else [],
        "rejected": RejectedChange.objects.count(),
        "waiting": waiting().count(),
        "halted": [{"detail": halt.detail, "answer": halt.answer} for halt in snapshot.facts.safety.halts],
        "directions": _directions(snapshot, hour),
        "conflicts": [_conflict(row) for row in _latest_conflicts(bodies)],
    }


def _directions(
    snapshot: Snapshot, hour: dict[Direction, figures.DirectionTotals]
) -> dict[str, dict[str, Any]]:
    ever = figures.totals()
    times = figures.percentiles(snapshot.at - TEN_MINUTES, 0.95)
    minutes = _minutes(snapshot.at)
    return {
        str(which): {
            "succeeded": ever[which].succeeded,
            "failed": ever[which].failed,
            "skipped": ever[which].skipped,
            "lastHour": hour[which].succeeded,
            "p95Ms": round(times[which][0], 1),
            "lagMs": figures.lag_ms(snapshot.instance, which, snapshot.at),
            "lastEventAt": last.isoformat() if (last := ever[which].last_event_at) else None,
            "minutes": minutes[which],
        }
        for which in Direction
    }


def _minutes(now: datetime) -> dict[str, list[dict[str, Any]]]:
    """For each direction the last half hour, minute by minute. The last point is the rate of the last
    sixty seconds: a minute that has just begun would look like a standstill."""
    current = now.replace(second=0, microsecond=0)
    starts = [current - timedelta(minutes=n) for n in range(MINUTES_SHOWN - 1, -1, -1)]
    rows = MetricMinute.objects.filter(minute__gte=starts[0]).values_list(
        "direction", "minute", "succeeded", "failed"
    )
    found = {(direction, minute): (succeeded, failed) for direction, minute, succeeded, failed in rows}
    series: dict[str, list[dict[str, Any]]] = {}
    for which in Direction:
        series[which] = []
        before = 0
        for start in starts:
            succeeded, failed = found.get((which, start), (0, 0))
            rate = succeeded / 60 if start != current else figures.rate_now(now, before, succeeded)
            series[which].append({"at": start.isoformat(), "rate": round(rate, 3), "failed": failed})
            before = succeeded
    return series


def _latest_conflicts(with_bodies: bool) -> list[Any]:
    """Without the bodies of those that are too long to be rendered every two seconds."""
    bodies = ("local_document", "atlas_document", "local_raw", "atlas_raw", "document_id_raw")
    rows: list[Any] = list(
        Conflict.objects.defer(*bodies).annotate(size=Length("local_document") + Length("atlas_document"))[
            :CONFLICTS_SHOWN
        ]
    )
    small = [row.pk for row in rows if with_bodies and row.size <= LONGEST_SHOWN]
    versions = Conflict.objects.filter(pk__in=small).values_list("pk", "local_document", "atlas_document")
    by_pk = {pk: (local, atlas) for pk, local, atlas in versions}
    for row in rows:
        row.versions = by_pk.get(row.pk)
    return rows


def _conflict(row: Any) -> dict[str, Any]:
    versions = row.versions
    return {
        "id": row.pk,
        "url": reverse("admin:syncapp_conflict_change", args=[row.pk]),
        "collection": row.collection,
        "documentId": row.document_id,
        "at": row.at.isoformat(),
        "winner": row.winner,
        "waits": row.waits,
        "strategy": row.strategy,
        "oneWay": row.one_way,
        "restored": row.restored_at is not None,
        "absent": {"local": not versions[0], "atlas": not versions[1]} if versions else None,
        "fields": [
            {"name": pair.name, "local": pair.local, "atlas": pair.atlas, "differs": pair.differs}
            for pair in compare(*versions)
        ]
        if versions
        else None,
    }
