"""The product's records: the audit log, and figures by the minute."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Choice, Moment, Text
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.permissions import RecordAccess
from syncapp.api.common.views import SyncView
from syncapp.models import AuditEntry, MetricMinute
from syncapp.models.choices import Direction
from syncapp.process.described import extend_schema_view

AUDIT_ORDERS = {"at": "at", "action": "action", "user": "user__username"}
AUDIT_LOOKUPS = {
    "action": "action", "detail": "detail__icontains", "user": "user__username", "since": "at__gte", "until": "at__lte",
}  # fmt: skip
MINUTE_ORDERS = {"minute": "minute", "direction": "direction", "processed": "processed", "failed": "failed"}
FIGURES = (
    "processed",
    "succeeded",
    "failed",
    "skipped",
    "inserts",
    "updates",
    "replaces",
    "deletes",
    "conflicts",
    "merged",
)


class AuditQuery(PageQuery):
    action = Text("an action, such as set enabled", required=False, max_length=100)
    detail = Text("a part of what was changed", required=False, help_text="A part of it")
    user = Text("the name of a user", required=False, max_length=150)
    since = Moment(required=False)
    until = Moment(required=False)
    ordering = ordering(AUDIT_ORDERS)


class AuditOut(serializers.ModelSerializer):
    user = serializers.CharField(
        source="user.username", default=None, allow_null=True, help_text="null: the product, or a command"
    )
    typedBy = serializers.CharField(source="typed_by", help_text="Of a command: the operating-system user")
    token = serializers.CharField(help_text="The API token, if one of a role was used")
    address = serializers.CharField(help_text="The client's; empty: no request")
    before = serializers.JSONField(help_text="null: there was nothing, or an earlier version wrote it")
    after = serializers.JSONField(help_text="null: there is nothing any more")

    class Meta:
        model = AuditEntry
        fields = ("id", "at", "user", "typedBy", "token", "address", "action", "detail", "before", "after")


class AuditPage(Page):
    results = AuditOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_audit", parameters=[AuditQuery], responses=AuditPage, tags=["records"]
    )
)
class Audit(SyncView):
    """Who changed what, and when, newest first. Always with login."""

    permission_classes = [RecordAccess]
    model = "syncapp.auditentry"
    asks = {"GET": AuditQuery}
    refusals = {"GET": (403,)}

    def get(self, request: Request) -> Response:
        wanted = {AUDIT_LOOKUPS[name]: one for name, one in self.asked.items() if name in AUDIT_LOOKUPS}
        rows = AuditEntry.objects.select_related("user").filter(**wanted)
        return Response(page_of(self, rows, AuditOut, AUDIT_ORDERS))


class MinuteQuery(PageQuery):
    direction = Choice(choices=Direction.choices, required=False)
    since = Moment(required=False)
    until = Moment(required=False)
    ordering = ordering(MINUTE_ORDERS)


class MinuteOut(serializers.ModelSerializer):
    timeMs = serializers.FloatField(source="time_ms", help_text="Of all changes together")

    class Meta:
        model = MetricMinute
        fields = ("minute", "direction", *FIGURES, "timeMs")


class MinutePage(Page):
    results = MinuteOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_minutes", parameters=[MinuteQuery], responses=MinutePage, tags=["figures"]
    )
)
class Minutes(SyncView):
    """Figures by the minute, newest first; older ones by the day, at its midnight."""

    asks = {"GET": MinuteQuery}

    def get(self, request: Request) -> Response:
        lookups = {"direction": "direction", "since": "minute__gte", "until": "minute__lte"}
        wanted: dict[str, Any] = {lookups[name]: one for name, one in self.asked.items() if name in lookups}
        return Response(page_of(self, MetricMinute.objects.filter(**wanted), MinuteOut, MINUTE_ORDERS))
