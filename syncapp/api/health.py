"""`GET /api/health`: whether the web process is up. `GET /api/sync/bidirectional/health`: the status of sync."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring import figures
from monitoring.facts import Snapshot, take_snapshot
from monitoring.health.assess import Status
from syncapp.api.common.permissions import may_read
from syncapp.api.common.views import SyncView
from syncapp.api.halts import HaltOut
from syncapp.api.metrics import HeartbeatOut, heartbeats
from syncapp.mirror.waiting import waiting
from syncapp.models import ComparisonRun, RejectedChange
from syncapp.process.described import extend_schema_view
from syncapp.services.away import DATABASE_AWAY, what_is_away

log = structlog.get_logger(__name__)


class ChangeStreamState(serializers.Serializer):
    status = serializers.CharField(
        help_text="Of the Atlas stream: connected, connecting, disconnected, stopped; unknown if Django's "
        "database is down"
    )


class SyncWorkerState(serializers.Serializer):
    queueSize = serializers.IntegerField(
        allow_null=True, help_text="Pending changes and changes in flight; null: Django's database is down"
    )


class ReasonOut(serializers.Serializer):
    status = serializers.CharField()
    code = serializers.CharField(help_text="What is the matter: a word that never changes, for scripts")
    about = serializers.CharField(help_text="What it concerns, if there may be several; or empty")
    text = serializers.CharField(help_text="With the thresholds")
    link = serializers.CharField(allow_null=True, help_text="The path of the page for it; null: none")
    runbook = serializers.CharField(help_text="The path of the document that says what to do")


class ComparisonOut(serializers.ModelSerializer):
    state = serializers.CharField(help_text="waiting, running or paused")
    secondsLeft = serializers.FloatField(source="seconds_left", allow_null=True)

    class Meta:
        model = ComparisonRun
        fields = ("kind", "why", "state", "documents", "expected", "rate", "secondsLeft")


class SideHeadroomOut(serializers.Serializer):
    seconds = serializers.FloatField(
        allow_null=True, help_text="How long this side's history lasts from now on, by the rate of its writes"
    )
    how = serializers.CharField(
        help_text="measured; at-least: nothing was truncated yet; estimated: the login may not read the oplog"
    )
    windowSeconds = serializers.FloatField(allow_null=True, help_text="How far the oplog reaches back now")
    ageSeconds = serializers.IntegerField(help_text="Of this figure")
    short = serializers.CharField(help_text="`3 d 4 h`")
    text = serializers.CharField()


class HeadroomOut(serializers.Serializer):
    """A side is missing until it was measured."""

    local = SideHeadroomOut(required=False)
    atlas = SideHeadroomOut(required=False)


class HealthOut(serializers.Serializer):
    enabled = serializers.BooleanField(allow_null=True, help_text="null: Django's database is down")
    health = serializers.ChoiceField(choices=[str(status) for status in Status])
    message = serializers.CharField()
    changeStream = ChangeStreamState()
    syncWorker = SyncWorkerState()
    instanceId = serializers.CharField(allow_null=True)
    reasons = ReasonOut(many=True, required=False, help_text="Only with login, as are the fields below")
    notices = ReasonOut(
        many=True,
        required=False,
        help_text="What is wrong with other devices, without effect on the status of this one",
    )
    headroom = HeadroomOut(required=False, help_text="How long each side may be away")
    paused = serializers.BooleanField(required=False)
    localStream = ChangeStreamState(required=False)
    lagMs = serializers.IntegerField(required=False, allow_null=True)
    listenerSeenAt = serializers.DateTimeField(required=False, allow_null=True)
    lastError = serializers.CharField(required=False)
    halts = HaltOut(many=True, required=False, help_text="Halted transfers, as in GET halts")
    clockWarning = serializers.CharField(required=False)
    heartbeatMs = HeartbeatOut(required=False)
    refusedCollections = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Collections that cannot be synced, and why"
    )
    rejectedChanges = serializers.IntegerField(
        required=False, help_text="Rejected documents that are not resolved"
    )
    conflictsWaiting = serializers.IntegerField(
        required=False, help_text="Open conflicts that need manual resolution"
    )
    comparisons = ComparisonOut(many=True, required=False, help_text="Those that are not finished")


def public_health(snapshot: Snapshot) -> dict[str, Any]:
    """The public part: no names, no addresses, no reasons."""
    instance = snapshot.instance
    return {
        "enabled": snapshot.switches.enabled,
        "health": str(snapshot.health.status),
        "message": snapshot.health.message,
        "changeStream": {"status": str(snapshot.atlas_stream)},
        "syncWorker": {"queueSize": instance.queue_size if instance else 0},
        "instanceId": instance.instance_id if instance else None,
    }


def full_health(snapshot: Snapshot) -> dict[str, Any]:
    instance = snapshot.instance
    return {
        **public_health(snapshot),
        "reasons": [reason.as_document() for reason in snapshot.health.reasons],
        "notices": [reason.as_document() for reason in snapshot.notices],
        "headroom": {one.side: one.as_document() for one in snapshot.facts.headroom},
        "paused": snapshot.switches.paused,
        "localStream": {"status": str(snapshot.local_stream)},
        "lagMs": figures.sync_lag_ms(instance, snapshot.switches.enabled, snapshot.at),
        "listenerSeenAt": instance.seen_at.isoformat() if instance and instance.seen_at else None,
        "lastError": instance.last_error if instance else "",
        "halts": instance.halts if instance else [],
        "clockWarning": instance.clock_warning if instance else "",
        "heartbeatMs": heartbeats(instance),
        "refusedCollections": instance.refused if instance else {},
        "rejectedChanges": RejectedChange.objects.count(),
        "conflictsWaiting": waiting().count(),
        "comparisons": ComparisonOut(figures.unfinished_runs() | figures.paused_runs(), many=True).data,
    }


def unknown_health(error: DatabaseError | InterfaceError) -> dict[str, Any]:
    """The status of sync cannot be read: never healthy."""
    return {
        "enabled": None,
        "health": str(Status.CRITICAL),
        "message": f"{what_is_away(error) or DATABASE_AWAY}: sync status unknown",
        "changeStream": {"status": "unknown"},
        "syncWorker": {"queueSize": None},
        "instanceId": None,
    }


@extend_schema_view(get=extend_schema(responses={200: HealthOut, 503: HealthOut}, tags=["health"]))
class SyncHealth(SyncView):
    """Sync status. 503 when critical. Reasons and details only with login."""

    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        snapshot = take_snapshot()
        body = full_health(snapshot) if may_read(request) else public_health(snapshot)
        return Response(body, status=503 if snapshot.health.status == Status.CRITICAL else 200)

    def handle_exception(self, exc: Exception) -> Response:
        """Also if the login could not be checked."""
        if isinstance(exc, DatabaseError | InterfaceError):
            log.warning("Health unknown", event_name="unavailable", error=str(exc))
            return Response(unknown_health(exc), status=503)
        return super().handle_exception(exc)


class WebHealthOut(serializers.Serializer):
    status = serializers.CharField()
    database = serializers.CharField()


@extend_schema_view(get=extend_schema(responses={200: WebHealthOut, 503: WebHealthOut}, tags=["health"]))
class WebHealth(SyncView):
    """Whether the web process is up and can reach its own database. Not the status of sync."""

    permission_classes = [AllowAny]
    authentication_classes = []  # a login would be checked in the database that is being tested

    def get(self, request: Request) -> Response:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (DatabaseError, InterfaceError):
            return Response({"status": "failing", "database": "unreachable"}, status=503)
        return Response({"status": "ok", "database": "ok"})


class ReadyOut(serializers.Serializer):
    status = serializers.ChoiceField(choices=["ready", "not ready"])
    database = serializers.ChoiceField(choices=["ok", "unreachable"], help_text="Django's")
    listener = serializers.CharField(help_text="ok, silent or unknown")
    beat = serializers.CharField(help_text="Whether periodic tasks are carried out: ok, silent or unknown")


@extend_schema_view(get=extend_schema(responses={200: ReadyOut, 503: ReadyOut}, tags=["health"]))
class Ready(SyncView):
    """Whether what watches over sync is at work, from what it last left behind: nobody has to evaluate anything. 503 if not.
    Open to all, for a check from outside; `/api/health` is about the web process alone."""

    permission_classes = [AllowAny]
    authentication_classes = []

    def get(self, request: Request) -> Response:
        try:
            body = readiness(take_snapshot())
        except (DatabaseError, InterfaceError) as error:
            log.warning("Readiness unknown", event_name="unavailable", error=str(error))
            body = {
                "status": "not ready",
                "database": "unreachable",
                "listener": "unknown",
                "beat": "unknown",
            }
        return Response(body, status=200 if body["status"] == "ready" else 503)


def readiness(snapshot: Snapshot) -> dict[str, str]:
    silent_s, limits = snapshot.facts.beat_silent_s, snapshot.limits
    parts = {
        "database": "ok",
        "listener": "silent" if snapshot.is_silent else "ok",
        "beat": "ok" if silent_s is not None and silent_s <= limits.beat_silent_s else "silent",
    }
    return {"status": "not ready" if "silent" in parts.values() else "ready", **parts}
