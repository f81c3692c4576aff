"""`GET /api/sync/bidirectional/metrics`: figures of both directions."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring import figures
from syncapp.api.common.views import SyncView
from syncapp.models import Instance
from syncapp.models.choices import Direction
from syncapp.process.described import extend_schema_view


class DirectionOut(serializers.Serializer):
    """Counters since the first start; processing times (ms) of the last hour, 0 without changes."""

    totalProcessed = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Rejected changes")
    skipped = serializers.IntegerField(
        help_text="No write was needed; changes held by a halt are not counted"
    )
    inserts = serializers.IntegerField()
    updates = serializers.IntegerField()
    replaces = serializers.IntegerField()
    deletes = serializers.IntegerField()
    avgProcessTime = serializers.FloatField()
    p95ProcessTime = serializers.FloatField()
    p99ProcessTime = serializers.FloatField()
    lagMs = serializers.IntegerField(
        allow_null=True,
        help_text="Age of the oldest change that may not have arrived; null: no listener has reported yet",
    )
    lastEventAt = serializers.DateTimeField(allow_null=True)


class ConflictTotalsOut(serializers.Serializer):
    totalConflicts = serializers.IntegerField()
    localWins = serializers.IntegerField()
    atlasWins = serializers.IntegerField()
    merged = serializers.IntegerField()
    waiting = serializers.IntegerField(
        help_text="Open conflicts that need manual resolution (strategy manual)"
    )
    lastHour = serializers.IntegerField(
        help_text="Without those of one-way sync, and those decided by an answer at the first run or after a restore"
    )


class HeartbeatOut(serializers.Serializer):
    """Latency from a heartbeat to its event (ms); null: none read yet."""

    local = serializers.FloatField(allow_null=True)
    atlas = serializers.FloatField(allow_null=True)


class MetricsOut(serializers.Serializer):
    heartbeatMs = HeartbeatOut()
    atlasToLocal = DirectionOut()
    localToAtlas = DirectionOut()
    conflicts = ConflictTotalsOut()


def metrics() -> dict[str, Any]:
    now = timezone.now()
    hour_ago = now - figures.HOUR
    ever, hour = figures.totals(), figures.totals(hour_ago)
    times, instance = figures.percentiles(hour_ago, 0.95, 0.99), figures.device()

    def direction(which: Direction) -> dict[str, Any]:
        counters, (p95, p99) = ever[which], times[which]
        return {
            "totalProcessed": counters.processed,
            **{name: getattr(counters, name) for name in figures.COUNTERS if name != "processed"},
            "avgProcessTime": round(hour[which].average_ms, 2),
            "p95ProcessTime": round(p95, 2),
            "p99ProcessTime": round(p99, 2),
            "lagMs": figures.lag_ms(instance, which, now),
            "lastEventAt": counters.last_event_at.isoformat() if counters.last_event_at else None,
        }

    return {
        **{str(which): direction(which) for which in Direction},
        "conflicts": conflict_totals(),
        "heartbeatMs": heartbeats(instance),
    }


def heartbeats(instance: Instance | None) -> dict[str, float | None]:
    return {
        "local": instance.local_heartbeat_ms if instance else None,
        "atlas": instance.atlas_heartbeat_ms if instance else None,
    }


def conflict_totals() -> dict[str, int]:
    found = figures.conflict_totals(timezone.now())
    return {
        "totalConflicts": found.total,
        "localWins": found.local_wins,
        "atlasWins": found.atlas_wins,
        "merged": found.merged,
        "waiting": found.waiting,
        "lastHour": found.last_hour,
    }


@extend_schema_view(get=extend_schema(responses=MetricsOut, tags=["figures"]))
class SyncMetrics(SyncView):
    """Counters, processing times and lag of both directions, and conflicts."""

    def get(self, request: Request) -> Response:
        return Response(metrics())
