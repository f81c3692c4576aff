"""The dashboard's data: key figures for scripts, and all data of the live page."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.functions import Length
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from monitoring import figures
from monitoring.alerts.rules import current_rules, limits_of
from monitoring.facts import TEN_MINUTES, Snapshot, take_snapshot
from monitoring.health.levels import conflict_level, error_level, lag_level
from monitoring.health.limits import Thresholds
from monitoring.history import history
from monitoring.marks import marks
from monitoring.versions import compare
from syncapp.conf.settings import get_settings
from syncapp.core.text.plain_ids import plain_id
from syncapp.mirror.waiting import waiting
from syncapp.models import Alert, Conflict, MetricMinute, RejectedChange
from syncapp.models.choices import Direction
from syncapp.services.access.roles import may_operate, may_see, may_see_bodies
from syncapp.services.masked import Masks

MINUTES_SHOWN = 30
CONFLICTS_SHOWN = 5
LONGEST_SHOWN = 20_000  # characters of a version; longer ones are shown on their own page only


def page_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The template's context: unfold calls this for the admin's first page, and so does our view."""
    return {
        **context,
        "title": "Dashboard",
        "live": live_figures(request.user),
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


def history_figures(span: str, user: Any) -> dict[str, Any]:
    """All of a span, for the charts; the live figures go on from there."""
    now = timezone.now()
    found = history(span, now, figures.device())
    return {**found, "bounds": _bounds(limits_of(current_rules())), "marks": _marks(found, user)}


def _bounds(limits: Thresholds) -> dict[str, float]:
    """Of headroom, in seconds."""
    return {"warning": limits.headroom_warning_s, "critical": limits.headroom_critical_s}


def _marks(found: dict[str, Any], user: Any) -> list[dict[str, Any]]:
    since = datetime.fromtimestamp(found["at"][0], UTC)
    return marks(since, details=may_see(user, "syncapp.auditentry"))


def live_figures(user: Any = None, span: str = "") -> dict[str, Any]:
    """As this user sees them. `span`: with the last points of that history."""
    snapshot = take_snapshot()
    found = _live(snapshot, user is not None and may_see_bodies(user))
    if span:
        tail = history(span, snapshot.at, snapshot.instance, tail=True)
        found["history"] = {**tail, "bounds": _bounds(snapshot.limits), "marks": _marks(tail, user)}
    return found


def _live(snapshot: Snapshot, bodies: bool) -> dict[str, Any]:
    """`bodies`: with the documents of the latest conflicts."""
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
        "notices": [notice.as_document() for notice in snapshot.notices],
        "headroom": {one.side: one.as_document() for one in facts.headroom},
        "headroomLevels": {one.side: str(one.level(snapshot.limits)) for one in facts.headroom},
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
        "alerts": _alerts(),
        "rejected": RejectedChange.objects.count(),
        "waiting": waiting().count(),
        "halted": [{"detail": halt.detail, "answer": halt.answer} for halt in snapshot.facts.safety.halts],
        "directions": _directions(snapshot, hour),
        "conflicts": [_conflict(row) for row in _latest_conflicts(bodies)],
    }


def _alerts() -> dict[str, int]:
    """Those that are firing, by severity."""
    rows = Alert.objects.filter(state__in=(Alert.State.FIRING, Alert.State.ACKNOWLEDGED))
    found = Counter(rows.values_list("severity", flat=True))
    return {severity: found[severity] for severity in Alert.Severity.values}


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
            "lagMs": (lag_ms := figures.lag_ms(snapshot.instance, which, snapshot.at)),
            "lagLevel": str(lag_level(lag_ms or 0, snapshot.limits)),
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
    bodies = (
        "local_document", "atlas_document", "base_document", "local_raw", "atlas_raw", "base_raw", "document_id_raw",
    )  # fmt: skip
    rows: list[Any] = list(
        Conflict.objects.defer(*bodies).annotate(size=Length("local_document") + Length("atlas_document"))[
            :CONFLICTS_SHOWN
        ]
    )
    small = [row.pk for row in rows if with_bodies and row.size <= LONGEST_SHOWN]
    versions = Conflict.objects.filter(pk__in=small).values_list("pk", "local_document", "atlas_document")
    by_pk = {pk: (local, atlas) for pk, local, atlas in versions}
    masks = Masks(None)  # one page for all
    for row in rows:
        found = by_pk.get(row.pk)
        row.versions = found and tuple(masks.document(row.collection, one) for one in found)
    return rows


def _conflict(row: Any) -> dict[str, Any]:
    versions = row.versions
    return {
        "id": row.pk,
        "url": reverse("admin:syncapp_conflict_change", args=[row.pk]),
        "collection": row.collection,
        "shownId": plain_id(row.document_id),
        "at": row.at.isoformat(),
        "winner": row.winner,
        "merged": row.merged or row.winner == Conflict.Winner.MERGED,
        "waits": row.waits,
        "loser": row.loser,
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
