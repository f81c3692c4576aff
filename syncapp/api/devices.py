"""Devices, as their listeners last reported."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.paging import Page, PageQuery, ordering, page_of
from syncapp.api.views import SyncView
from syncapp.models import Instance


class DeviceOut(serializers.ModelSerializer):
    instanceId = serializers.CharField(source="instance_id")
    startedAt = serializers.DateTimeField(source="started_at", allow_null=True)
    seenAt = serializers.DateTimeField(source="seen_at", allow_null=True)
    localStream = serializers.CharField(source="local_stream")
    atlasStream = serializers.CharField(source="atlas_stream")
    queueSize = serializers.IntegerField(source="queue_size")
    inFlight = serializers.IntegerField(source="in_flight")
    pullLagMs = serializers.IntegerField(source="pull_lag_ms")
    pushLagMs = serializers.IntegerField(source="push_lag_ms")
    clockOffsetMs = serializers.FloatField(source="clock_offset_ms")
    localHeartbeatMs = serializers.FloatField(
        source="local_heartbeat_ms", allow_null=True, help_text="Latency from the heartbeat to its event, ms"
    )
    atlasHeartbeatMs = serializers.FloatField(source="atlas_heartbeat_ms", allow_null=True)
    clockWarning = serializers.CharField(source="clock_warning")
    loops = serializers.IntegerField(help_text="Sync loops detected since the listener started")
    lastError = serializers.CharField(source="last_error")
    waitingFor = serializers.CharField(source="waiting_for", help_text="Why sync has not started yet")

    class Meta:
        model = Instance
        fields = (
            "instanceId", "epoch", "holder", "startedAt", "seenAt", "localStream", "atlasStream",
            "queueSize", "inFlight", "pullLagMs", "pushLagMs", "clockOffsetMs", "lastError", "waitingFor",
            "localHeartbeatMs", "atlasHeartbeatMs", "clockWarning", "loops", "halts", "refused",
        )  # fmt: skip


ORDERS = {"seenAt": "seen_at", "instanceId": "instance_id"}


class DeviceQuery(PageQuery):
    ordering = ordering(ORDERS)


class DeviceList(Page):
    results = DeviceOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_devices", parameters=[DeviceQuery], responses=DeviceList, tags=["records"]
    )
)
class Devices(SyncView):
    """The device's listener as last reported."""

    asks = {"GET": DeviceQuery}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, Instance.objects.order_by("-seen_at", "pk"), DeviceOut, ORDERS))
