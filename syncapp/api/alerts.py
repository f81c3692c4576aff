"""Alerts: what fires and fired, acknowledged and silenced; and their rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts import operations
from monitoring.alerts.lifecycle import Notice
from monitoring.alerts.outbox import body_of
from monitoring.alerts.rules import current_rules
from syncapp.api.common.fields import Boolean, Changes, Choice, Moment, Number, Whole
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.models import Alert, AlertMessage
from syncapp.process.described import extend_schema_view

MOST_MINUTES = 366 * 24 * 60


class AlertFilter(serializers.Serializer):
    state = Choice(choices=Alert.State.values, required=False)
    code = Choice(choices=[str(code) for code in operations.Code], required=False)
    severity = Choice(choices=Alert.Severity.values, required=False)


ORDERS = {
    "since": "since", "firedAt": "fired_at", "resolvedAt": "resolved_at", "code": "code", "state": "state",
    "severity": "severity",
}  # fmt: skip
RULE_ORDERS = {name: name for name in ("code", "severity", "enabled", "forSeconds")}


class AlertQuery(AlertFilter, PageQuery):
    ordering = ordering(ORDERS)


class AlertOut(serializers.ModelSerializer):
    about = serializers.CharField(
        help_text="What it concerns: a side, direction, collection, queue or halt; empty: the device"
    )
    since = serializers.DateTimeField(help_text="Since when it is wrong")
    firedAt = serializers.DateTimeField(source="fired_at", allow_null=True)
    resolvedAt = serializers.DateTimeField(source="resolved_at", allow_null=True)
    acknowledgedAt = serializers.DateTimeField(source="acknowledged_at", allow_null=True)
    acknowledgedBy = serializers.CharField(source="acknowledged_by")
    silencedUntil = serializers.DateTimeField(source="silenced_until", allow_null=True)
    todo = serializers.SerializerMethodField(help_text="What to do")
    link = serializers.SerializerMethodField(help_text="The address of the runbook")

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id", "code", "about", "state", "severity", "device", "since", "message", "todo", "link", "firedAt",
            "resolvedAt", "acknowledgedAt", "acknowledgedBy", "silencedUntil",
        )  # fmt: skip

    def get_todo(self, alert: Alert) -> str:
        return str(body_of(alert, Notice.FIRING)["todo"])

    def get_link(self, alert: Alert) -> str:
        return str(body_of(alert, Notice.FIRING)["link"])


class ToldOut(serializers.ModelSerializer):
    channel = serializers.CharField(source="channel.name")
    kind = serializers.CharField(help_text="firing or resolved")
    sentAt = serializers.DateTimeField(
        source="sent_at", allow_null=True, help_text="null: it was not, or not yet"
    )
    dropped = serializers.CharField(help_text="Why it is not sent; empty: it was, or will be")

    class Meta:
        model = AlertMessage
        fields = ("channel", "kind", "sentAt", "dropped")


class AlertDetail(AlertOut):
    messages = serializers.SerializerMethodField(help_text="Who was told")

    class Meta(AlertOut.Meta):
        fields = (*AlertOut.Meta.fields, "messages")

    @extend_schema_field(ToldOut(many=True))
    def get_messages(self, alert: Alert) -> Any:
        return ToldOut(AlertMessage.objects.filter(alert=alert).select_related("channel"), many=True).data


class AlertPage(Page):
    results = AlertOut(many=True)


class SilenceIn(serializers.Serializer):
    """One of the two."""

    least_properties = 1
    until = Moment(required=False)
    minutes = Whole(
        f"a whole number from 1 to {MOST_MINUTES}", required=False, min_value=1, max_value=MOST_MINUTES
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("allowed: either until or minutes")
        return attrs


class AlertRuleIn(Changes):
    """What is not given stays. null: the default again."""

    forSeconds = Number(
        "seconds from 0 to 604800", required=False, allow_null=True, min_value=0, max_value=604_800
    )
    threshold = Number(
        "a number that the rule's unit allows", required=False, allow_null=True, min_value=0, max_value=1e9
    )
    critical = Number("the threshold or worse", required=False, allow_null=True, min_value=0, max_value=1e9)
    enabled = Boolean(required=False)


class AlertRuleOut(serializers.Serializer):
    code = serializers.CharField()
    enabled = serializers.BooleanField()
    forSeconds = serializers.FloatField(help_text="How long it must last before it fires")
    threshold = serializers.FloatField(
        allow_null=True, help_text="From here on health is degraded; null: none"
    )
    critical = serializers.FloatField(allow_null=True, help_text="Above this health is critical; null: none")
    unit = serializers.CharField(help_text="Of threshold and critical")
    severity = serializers.CharField(
        help_text="Empty: warning if health is degraded, critical if it is critical"
    )
    means = serializers.CharField()
    todo = serializers.CharField()
    runbook = serializers.CharField(help_text="A path")
    changed = serializers.BooleanField(help_text="It is not the default")


class AlertRuleQuery(PageQuery):
    ordering = ordering(RULE_ORDERS)


class AlertRuleList(Page):
    results = AlertRuleOut(many=True)


def _found(asked: dict[str, Any]) -> QuerySet[Alert]:
    filters = {name: value for name, value in asked.items() if name in AlertFilter().fields}
    return Alert.objects.filter(**filters)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_alerts", parameters=[AlertQuery], responses=AlertPage, tags=["alerts"]
    )
)
class Alerts(SyncView):
    """Alerts that fire, will fire (`pending`) and fired, newest first."""

    asks = {"GET": AlertQuery}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, _found(self.asked), AlertOut, ORDERS))


@extend_schema_view(get=extend_schema(operation_id="show_alert", responses=AlertDetail, tags=["alerts"]))
class AlertOne(SyncView):
    """One alert, and who was told."""

    def get(self, request: Request, pk: int) -> Response:
        return Response(AlertDetail(get_object_or_404(Alert, pk=pk)).data)


@extend_schema_view(post=extend_schema(request=None, responses=AlertOut, tags=["alerts"]))
class AlertAcknowledge(SyncView):
    """Says that somebody is working on it. It is sent again only if it gets worse. Idempotent."""

    refusals = {"POST": (409,)}

    def post(self, request: Request, pk: int) -> Response:
        return Response(AlertOut(operations.acknowledge(pk, request.user)).data)


@extend_schema_view(
    post=extend_schema(request=SilenceIn, responses=AlertOut, tags=["alerts"]),
    delete=extend_schema(responses={200: AlertOut}, tags=["alerts"]),
)
class AlertSilence(SyncView):
    """Nothing is sent until then, also if it ends and begins again; if it still lasts then, it is sent again. `DELETE` ends the
    silence."""

    takes = {"POST": SilenceIn}
    refusals = {"POST": (409,), "DELETE": (409,)}

    def post(self, request: Request, pk: int) -> Response:
        given = self.wanted
        until = given.get("until") or timezone.now() + timedelta(minutes=given["minutes"])
        return Response(AlertOut(operations.silence(pk, until, request.user)).data)

    def delete(self, request: Request, pk: int) -> Response:
        return Response(AlertOut(operations.unsilence(pk, request.user)).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_alert_rules", parameters=[AlertRuleQuery], responses=AlertRuleList, tags=["alerts"]
    )
)
class AlertRules(SyncView):
    """The rules in force, one for each code of health."""

    asks = {"GET": AlertRuleQuery}

    def get(self, request: Request) -> Response:
        rules = [rule.as_document() for rule in current_rules().values()]
        return Response(page_of(self, rules, AlertRuleOut, RULE_ORDERS))


@extend_schema_view(
    get=extend_schema(operation_id="show_alert_rule", responses=AlertRuleOut, tags=["alerts"]),
    put=extend_schema(request=AlertRuleIn, responses=AlertRuleOut, tags=["alerts"]),
    delete=extend_schema(responses={200: AlertRuleOut}, tags=["alerts"]),
)
class AlertRuleOne(SyncView):
    """`PUT` changes what is given of a rule; `DELETE` makes it the default again. The thresholds are those of health, too."""

    takes = {"PUT": AlertRuleIn}

    def get(self, request: Request, code: str) -> Response:
        return Response(operations.show_rule(code).as_document())

    def put(self, request: Request, code: str) -> Response:
        names = {"forSeconds": "for_seconds"}
        changed = {names.get(name, name): value for name, value in self.wanted.items()}
        return Response(operations.set_rule(code, request.user, **changed).as_document())

    def delete(self, request: Request, code: str) -> Response:
        return Response(operations.reset_rule(code, request.user).as_document())
