"""All devices of this Atlas database, as they last reported there; this one as its own listener says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring import fleet
from monitoring.health.values import Status
from syncapp.api.common.fields import Text
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.models import Device, Instance
from syncapp.process.described import extend_schema_view
from syncapp.services import devices as service


class TroubleOut(serializers.Serializer):
    status = serializers.ChoiceField(choices=[str(Status.DEGRADED), str(Status.CRITICAL)])
    text = serializers.CharField()


class DeviceOut(serializers.Serializer):
    """What only a device's own listener knows is null, or empty, for other devices."""

    instanceId = serializers.CharField()
    name = serializers.CharField(help_text="Given by an operator; empty: none")
    own = serializers.BooleanField(help_text="It is the device that answers")
    version = serializers.CharField(help_text="Of the program; empty: unknown")
    since = serializers.DateTimeField(allow_null=True, help_text="When its database became a device")
    startedAt = serializers.DateTimeField(allow_null=True, help_text="When its active listener started")
    seenAt = serializers.DateTimeField(
        allow_null=True, help_text="Its last report, by the clock of the device that answers"
    )
    seenSecondsAgo = serializers.FloatField(allow_null=True)
    isOld = serializers.BooleanField(
        help_text="Its next report is overdue, or it was stopped: the figures are those of seenAt"
    )
    stoppedAt = serializers.DateTimeField(allow_null=True, help_text="Its listener was stopped in order")
    troubles = TroubleOut(many=True, help_text="What is the matter with it, the worst first")
    holder = serializers.CharField(help_text="Host and process of its active listener")
    standBy = serializers.ListField(
        child=serializers.CharField(), help_text="The listeners that would take over"
    )
    localStream = serializers.CharField()
    atlasStream = serializers.CharField()
    queueSize = serializers.IntegerField(help_text="Pending changes")
    pullLagMs = serializers.IntegerField()
    pushLagMs = serializers.IntegerField()
    conflictsWaiting = serializers.IntegerField(allow_null=True)
    rejectedChanges = serializers.IntegerField(allow_null=True)
    haltsWaiting = serializers.IntegerField(help_text="Halts without an answer")
    clockOffsetMs = serializers.FloatField(help_text="Atlas's clock minus its local server's")
    rulesVersion = serializers.IntegerField(allow_null=True)
    headroomSeconds = serializers.DictField(
        child=serializers.FloatField(), help_text="By side: how long its history lasts while it is away"
    )
    waitingFor = serializers.CharField(help_text="Why sync has not started yet")
    epoch = serializers.IntegerField(allow_null=True)
    inFlight = serializers.IntegerField(allow_null=True)
    localHeartbeatMs = serializers.FloatField(
        allow_null=True, help_text="Latency from the heartbeat to its event, ms"
    )
    atlasHeartbeatMs = serializers.FloatField(allow_null=True)
    clockWarning = serializers.CharField()
    loops = serializers.IntegerField(
        allow_null=True, help_text="Sync loops detected since the listener started"
    )
    lastError = serializers.CharField()
    halts = serializers.ListField(child=serializers.DictField(), allow_null=True)
    refused = serializers.DictField(child=serializers.CharField(), allow_null=True)


ORDERS = {name: name for name in ("seenAt", "instanceId", "name")}


class DeviceQuery(PageQuery):
    ordering = ordering(ORDERS)


class DeviceList(Page):
    asOf = serializers.DateTimeField(allow_null=True, help_text="When the reports were copied from Atlas")
    problem = serializers.CharField(help_text="Why they could not be copied now; empty: they were")
    results = DeviceOut(many=True)


class DeviceIn(serializers.Serializer):
    name = Text(
        "one line of at most 100 characters; empty: no name",
        allow_blank=True,
        max_length=service.LONGEST_NAME,
    )


def document(row: Device, own: str, now: datetime) -> dict[str, Any]:
    """As API and `--json` have it."""
    age_s = fleet.age_s(row, now)
    mine = Instance.objects.filter(instance_id=own).first() if row.instance_id == own else None
    return {
        "instanceId": row.instance_id,
        "name": row.name,
        "own": row.instance_id == own,
        "version": row.version,
        "since": row.since,
        "startedAt": row.started_at,
        "seenAt": row.seen_at,
        "seenSecondsAgo": None if age_s is None else round(age_s, 1),
        "isOld": fleet.is_old(row),
        "stoppedAt": row.stopped_at,
        "troubles": row.troubles,
        "holder": row.host,
        "standBy": row.stand_by,
        "localStream": row.local_stream,
        "atlasStream": row.atlas_stream,
        "queueSize": row.pending,
        "pullLagMs": row.pull_lag_ms,
        "pushLagMs": row.push_lag_ms,
        "conflictsWaiting": row.conflicts,
        "rejectedChanges": row.rejected,
        "haltsWaiting": row.halts,
        "clockOffsetMs": row.clock_offset_ms,
        "rulesVersion": row.rules_version,
        "headroomSeconds": row.headroom_s,
        "waitingFor": row.waiting_for,
        **_own(mine),
    }


def _own(instance: Instance | None) -> dict[str, Any]:
    """What its listener has reported here is newer than what it has told Atlas."""
    if instance is None:
        return {
            **dict.fromkeys(("epoch", "inFlight", "localHeartbeatMs", "atlasHeartbeatMs", "loops", "halts", "refused")),
            "clockWarning": "",
            "lastError": "",
        }  # fmt: skip
    return {
        "epoch": instance.epoch,
        "holder": instance.holder,
        "startedAt": instance.started_at,
        "seenAt": instance.seen_at,
        "seenSecondsAgo": _seconds_since(instance.seen_at),
        "localStream": instance.local_stream,
        "atlasStream": instance.atlas_stream,
        "queueSize": instance.queue_size,
        "inFlight": instance.in_flight,
        "pullLagMs": instance.pull_lag_ms,
        "pushLagMs": instance.push_lag_ms,
        "clockOffsetMs": instance.clock_offset_ms,
        "localHeartbeatMs": instance.local_heartbeat_ms,
        "atlasHeartbeatMs": instance.atlas_heartbeat_ms,
        "clockWarning": instance.clock_warning,
        "loops": instance.loops,
        "lastError": instance.last_error,
        "waitingFor": instance.waiting_for,
        "halts": instance.halts,
        "refused": instance.refused,
    }


def _seconds_since(moment: datetime | None) -> float | None:
    return None if moment is None else round(max(0.0, (timezone.now() - moment).total_seconds()), 1)


def listed() -> dict[str, Any]:
    """All devices, copied from Atlas now if that is possible."""
    found, now = fleet.show(), timezone.now()
    results = [document(row, found.own, now) for row in found.devices]
    return {"asOf": found.as_of, "problem": found.problem, "results": results}


@extend_schema_view(
    get=extend_schema(
        operation_id="list_devices", parameters=[DeviceQuery], responses=DeviceList, tags=["devices"]
    )
)
class Devices(SyncView):
    """All devices of this Atlas database, the one with the most trouble first."""

    asks = {"GET": DeviceQuery}

    def get(self, request: Request) -> Response:
        found = listed()
        results = list(DeviceOut(found["results"], many=True).data)
        return Response({**found, **page_of(self, results, DeviceOut, ORDERS)})


@extend_schema_view(
    get=extend_schema(operation_id="show_device", responses=DeviceOut, tags=["devices"]),
    put=extend_schema(request=DeviceIn, responses=DeviceOut, tags=["devices"]),
    delete=extend_schema(responses={204: None}, tags=["devices"]),
)
class DeviceOne(SyncView):
    """`PUT` names a device. `DELETE` retires one that is gone: its report is forgotten, and nobody is alerted of it any more; one
    that reports again comes back."""

    takes = {"PUT": DeviceIn}
    refusals = {"PUT": (503,), "DELETE": (503,)}

    def get(self, request: Request, device: str) -> Response:
        return Response(self._document(device))

    def put(self, request: Request, device: str) -> Response:
        service.rename(service.find(device), self.wanted["name"], request.user)
        return Response(self._document(device))

    def delete(self, request: Request, device: str) -> Response:
        service.retire(service.find(device), request.user)
        return Response(status=204)

    def _document(self, device: str) -> Any:
        found = fleet.show()
        asked = service.find(device)
        row = next(one for one in found.devices if one.instance_id == asked)
        return DeviceOut(document(row, found.own, timezone.now())).data
