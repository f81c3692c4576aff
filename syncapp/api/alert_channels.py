"""Channels of alerts: where they are sent, and a test of each."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts import channel_operations as operations
from monitoring.alerts.configured import channels
from monitoring.alerts.events import KINDS as EVENTS
from monitoring.alerts.kind import all_kinds
from syncapp.api.common.fields import Boolean, Changes, Choice, Named, Text
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.models import AlertChannel
from syncapp.process.described import extend_schema_view


class Options(Named, serializers.DictField):
    allowed = 'an object of texts such as {"url": "https://example.com/hook"}'
    child = Text("a text", allow_blank=True, min_length=0, max_length=operations.LONGEST_OPTION)


class Events(Named, serializers.ListField):
    allowed = f"a list of {', '.join(EVENTS)}"
    child = Choice(choices=list(EVENTS))


class ChannelChange(Changes):
    """What is not given stays. A secret may be sent back as it was shown."""

    options = Options(required=False)
    enabled = Boolean(required=False)
    alerts = Boolean(required=False, help_text="false: no alerts, only events")
    events = Events(
        required=False, max_length=len(EVENTS), help_text="Kinds of events that it takes; webhooks only"
    )


class ChannelIn(ChannelChange):
    name = Text(operations.NAME_FORM)
    kind = Choice(choices=[one.name for one in all_kinds().values() if one.options])
    options = Options()


class ChannelOut(serializers.ModelSerializer):
    options = serializers.SerializerMethodField(help_text="Secrets are masked")
    fromEnvironment = serializers.BooleanField(source="from_environment")
    failures = serializers.IntegerField(help_text="Failed attempts in a row")
    retryAt = serializers.DateTimeField(source="retry_at", allow_null=True)
    lastError = serializers.CharField(source="last_error")
    lastSentAt = serializers.DateTimeField(source="last_sent_at", allow_null=True)
    events = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = AlertChannel
        fields = (
            "name", "kind", "options", "enabled", "alerts", "events", "fromEnvironment", "failures", "retryAt",
            "lastError", "lastSentAt",
        )  # fmt: skip

    def get_options(self, channel: AlertChannel) -> dict[str, str]:
        return operations.shown_options(channel)


ORDERS = {name: name for name in ("name", "kind", "enabled")}


class ChannelQuery(PageQuery):
    ordering = ordering(ORDERS)


class ChannelList(Page):
    results = ChannelOut(many=True)


class SentOut(serializers.Serializer):
    sent = serializers.BooleanField()


@extend_schema_view(
    get=extend_schema(
        operation_id="list_alert_channels", parameters=[ChannelQuery], responses=ChannelList, tags=["alerts"]
    ),
    post=extend_schema(request=ChannelIn, responses={201: ChannelOut}, tags=["alerts"]),
)
class Channels(SyncView):
    """Where alerts are sent. Those of the environment are listed too."""

    takes = {"POST": ChannelIn}
    asks = {"GET": ChannelQuery}
    refusals = {"POST": (409,)}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, list(ChannelOut(channels(), many=True).data), ChannelOut, ORDERS))

    def post(self, request: Request) -> Response:
        channel = operations.add(user=request.user, **self.wanted)
        return Response(ChannelOut(channel).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(operation_id="show_alert_channel", responses=ChannelOut, tags=["alerts"]),
    put=extend_schema(request=ChannelChange, responses=ChannelOut, tags=["alerts"]),
    delete=extend_schema(responses={204: None}, tags=["alerts"]),
)
class ChannelOne(SyncView):
    """One channel. Of one of the environment the options cannot be changed here, and it cannot be removed."""

    takes = {"PUT": ChannelChange}
    refusals = {"PUT": (409,), "DELETE": (409,)}

    def get(self, request: Request, name: str) -> Response:
        return Response(ChannelOut(operations.find(name)).data)

    def put(self, request: Request, name: str) -> Response:
        return Response(ChannelOut(operations.change(name, request.user, **self.wanted)).data)

    def delete(self, request: Request, name: str) -> Response:
        operations.remove(name, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(post=extend_schema(request=None, responses=SentOut, tags=["alerts"]))
class ChannelTest(SyncView):
    """Sends a test now. 503 if the receiver does not take it; the line says why."""

    refusals = {"POST": (409,)}

    def post(self, request: Request, name: str) -> Response:
        operations.send_test(name, request.user)
        return Response({"sent": True})
