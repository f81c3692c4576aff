"""Periodic tasks, sent by beat. As in the admin, for administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.fields import Boolean, Changes, Choice, Text, Whole
from syncapp.api.paging import Page, PageQuery, ordering, page_of
from syncapp.api.permissions import ModelAccess
from syncapp.api.views import SyncView, refuse_unknown
from syncapp.process.described import extend_schema_view
from syncapp.services import periodic_tasks
from syncapp.services.errors import WrongInput, wrong_value

ORDERS = {name: name for name in ("name", "task", "enabled", "lastRunAt")}
TAGS = ["periodic tasks"]
MOST = 2**31 - 1


# An object within the body, whose names are checked as the body's are
class Part(serializers.Serializer):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise wrong_value(str(self.field_name), data, f"an object of {', '.join(self.fields)}")
        refuse_unknown(self.fields, data)
        return dict(super().to_internal_value(data))


class IntervalIn(Part):
    every = Whole(f"a whole number from 1 to {MOST}", min_value=1, max_value=MOST)
    unit = Choice(choices=periodic_tasks.UNITS)


def times(most: int, **options: Any) -> Text:
    return Text("as in a crontab: *, */15, 1-5 or 0,30", max_length=most, **options)


class CrontabIn(Part):
    minute = times(240)
    hour = times(96)
    dayOfMonth = times(124, required=False, help_text="* if not given")
    monthOfYear = times(64, required=False, help_text="* if not given")
    dayOfWeek = times(64, required=False, help_text="Sunday is 0; * if not given")
    timezone = Text(
        "a time zone such as UTC or Europe/Berlin",
        required=False,
        max_length=63,
        help_text="UTC if not given",
    )


class PeriodicTaskChange(Changes):
    """What is not given stays. Of interval and crontab one at most."""

    enabled = Boolean(required=False)
    interval = IntervalIn(required=False, help_text="1 second to 3650 days")
    crontab = CrontabIn(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if {"interval", "crontab"} <= attrs.keys():
            raise WrongInput("interval and crontab are given; allowed: one of them")
        return super().validate(attrs)


class IntervalOut(serializers.Serializer):
    every = serializers.IntegerField()
    unit = serializers.ChoiceField(choices=periodic_tasks.UNITS)


CrontabOut: Any = type(
    "CrontabOut",
    (serializers.Serializer,),
    {name: serializers.CharField() for name in periodic_tasks.CRONTAB},
)


class PeriodicTaskOut(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    task = serializers.CharField(help_text="What is sent to the workers")
    builtIn = serializers.BooleanField(help_text="The product's own: it is not deleted, but turned off")
    enabled = serializers.BooleanField()
    schedule = serializers.CharField(help_text="For people")
    interval = IntervalOut(allow_null=True)
    crontab = CrontabOut(allow_null=True)
    lastRunAt = serializers.DateTimeField(
        allow_null=True, help_text="When it was last sent; null: not since it was enabled"
    )


class PeriodicTaskQuery(PageQuery):
    ordering = ordering(ORDERS)


class PeriodicTaskPage(Page):
    results = PeriodicTaskOut(many=True)


def as_document(one: Any) -> dict[str, Any]:
    return {
        "id": one.pk,
        "name": one.name,
        "task": one.task,
        "builtIn": periodic_tasks.is_own(one),
        "enabled": one.enabled,
        "schedule": str(one.scheduler),
        "interval": one.interval and {"every": one.interval.every, "unit": one.interval.period},
        "crontab": one.crontab
        and {name: str(getattr(one.crontab, row)) for name, row in periodic_tasks.CRONTAB.items()},
        "lastRunAt": one.last_run_at,
    }


@extend_schema_view(
    get=extend_schema(
        operation_id="list_periodic_tasks",
        parameters=[PeriodicTaskQuery],
        responses=PeriodicTaskPage,
        tags=TAGS,
    )
)
class PeriodicTasks(SyncView):
    """What beat sends, by name."""

    permission_classes = [ModelAccess]
    model = "django_celery_beat.periodictask"
    asks = {"GET": PeriodicTaskQuery}
    refusals = {"GET": (403,)}

    def get(self, request: Request) -> Response:
        found = [as_document(one) for one in periodic_tasks.listed()]
        return Response(page_of(self, found, PeriodicTaskOut, ORDERS))


@extend_schema_view(
    get=extend_schema(operation_id="show_periodic_task", responses=PeriodicTaskOut, tags=TAGS),
    patch=extend_schema(
        operation_id="change_periodic_task", request=PeriodicTaskChange, responses=PeriodicTaskOut, tags=TAGS
    ),
)
class PeriodicTaskOne(SyncView):
    """One task, by its name or id. Beat follows a change within seconds."""

    permission_classes = [ModelAccess]
    model = "django_celery_beat.periodictask"
    parser_classes = [JSONParser]
    takes = {"PATCH": PeriodicTaskChange}
    refusals = {"GET": (403,)}

    def get(self, request: Request, task: str) -> Response:
        return Response(as_document(periodic_tasks.find(task)))

    def patch(self, request: Request, task: str) -> Response:
        when = _when(self.wanted)
        enabled = self.wanted.get("enabled")
        changed = periodic_tasks.change(task, request.user, enabled=enabled, when=when)
        return Response(as_document(changed))


def _when(wanted: dict[str, Any]) -> periodic_tasks.Schedule | None:
    if given := wanted.get("interval"):
        return periodic_tasks.interval(given["every"], given["unit"])
    return periodic_tasks.crontab(wanted["crontab"]) if "crontab" in wanted else None
