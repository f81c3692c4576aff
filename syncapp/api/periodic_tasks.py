"""Periodic tasks, sent by beat. As in the admin, for administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Boolean, Changes, Choice, Moment, Text, Whole
from syncapp.api.common.once import once_a_key
from syncapp.api.common.paging import Page, PageQuery, filters_of, ordering, page_of
from syncapp.api.common.permissions import ModelAccess
from syncapp.api.common.views import SyncView, refuse_unknown
from syncapp.process.described import extend_schema_view
from syncapp.services import periodic_tasks, schedules
from syncapp.services.errors import WrongInput, wrong_value

ORDERS = {name: name for name in ("name", "task", "enabled", "lastRunAt")}
TAGS = ["periodic tasks"]
MOST = 2**31 - 1
KINDS = ("interval", "crontab", "at")
NAME = f"one line of at most {periodic_tasks.LONGEST_NAME} characters"
EXPIRES = "Not carried out by a worker that comes to it later than this after it was sent; null: always"


# An object within the body, whose names are checked as the body's are
class Part(serializers.Serializer):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise wrong_value(str(self.field_name), data, f"an object of {', '.join(self.fields)}")
        refuse_unknown(self.fields, data)
        return dict(super().to_internal_value(data))


class IntervalIn(Part):
    every = Whole(f"a whole number from 1 to {MOST}", min_value=1, max_value=MOST)
    unit = Choice(choices=schedules.UNITS)


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


def description(**options: Any) -> Text:
    most = periodic_tasks.LONGEST_DESCRIPTION
    return Text(
        f"one line of at most {most} characters", max_length=most, min_length=0, allow_blank=True, **options
    )


def seconds(**options: Any) -> Whole:
    most = periodic_tasks.MOST_SECONDS
    allowed = f"a whole number from 1 to {most}, or null"
    return Whole(allowed, allow_null=True, min_value=1, max_value=most, help_text=EXPIRES, **options)


class When(serializers.Serializer):
    interval = IntervalIn(required=False, help_text="1 second to 3650 days")
    crontab = CrontabIn(required=False)
    at = Moment(required=False, help_text="Once, at this time; then it is turned off")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(given := [name for name in KINDS if name in attrs]) > 1:
            raise WrongInput(f"{' and '.join(given)} are given; allowed: one of {', '.join(KINDS)}")
        return super().validate(attrs)


class PeriodicTaskIn(When):
    name = Text(NAME, max_length=periodic_tasks.LONGEST_NAME)
    task = Choice(choices=periodic_tasks.TASKS)
    enabled = Boolean(required=False, help_text="true if not given")
    description = description(required=False)
    expireSeconds = seconds(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.keys() & KINDS:
            raise WrongInput(f"no schedule is given; allowed: one of {', '.join(KINDS)}")
        return super().validate(attrs)


class PeriodicTaskChange(When, Changes):
    """What is not given stays. Of interval, crontab and at one at most."""

    name = Text(NAME, required=False, max_length=periodic_tasks.LONGEST_NAME)
    task = Choice(required=False, choices=periodic_tasks.TASKS)
    enabled = Boolean(required=False)
    description = description(required=False)
    expireSeconds = seconds(required=False)


class IntervalOut(serializers.Serializer):
    every = serializers.IntegerField()
    unit = serializers.ChoiceField(choices=schedules.UNITS)


CrontabOut: Any = type(
    "CrontabOut",
    (serializers.Serializer,),
    {name: serializers.CharField() for name in schedules.CRONTAB},
)


class PeriodicTaskOut(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    task = serializers.CharField(help_text="What is sent to the workers")
    builtIn = serializers.BooleanField(help_text="The product's own: it is not deleted, but turned off")
    enabled = serializers.BooleanField()
    description = serializers.CharField()
    schedule = serializers.CharField(help_text="For people")
    interval = IntervalOut(allow_null=True)
    crontab = CrontabOut(allow_null=True)
    at = serializers.DateTimeField(allow_null=True, help_text="Once, at this time")
    expireSeconds = serializers.IntegerField(allow_null=True, help_text=EXPIRES)
    lastRunAt = serializers.DateTimeField(
        allow_null=True, help_text="When it was last sent; null: not since it was enabled"
    )


class PeriodicTaskQuery(PageQuery):
    name = Text(
        "a part of the name", required=False, max_length=periodic_tasks.LONGEST_NAME, help_text="A part of it"
    )
    enabled = Boolean(required=False)
    builtIn = Boolean(required=False, source="built_in")
    ordering = ordering(ORDERS)


class PeriodicTaskPage(Page):
    results = PeriodicTaskOut(many=True)


def as_document(one: Any) -> dict[str, Any]:
    return {
        "id": one.pk,
        **periodic_tasks.as_values(one),
        "builtIn": periodic_tasks.is_own(one),
        "interval": one.interval and {"every": one.interval.every, "unit": one.interval.period},
        "crontab": one.crontab
        and {name: str(getattr(one.crontab, row)) for name, row in schedules.CRONTAB.items()},
        "at": one.clocked and one.clocked.clocked_time,
        "lastRunAt": one.last_run_at,
    }


@extend_schema_view(
    get=extend_schema(
        operation_id="list_periodic_tasks",
        parameters=[PeriodicTaskQuery],
        responses=PeriodicTaskPage,
        tags=TAGS,
    ),
    post=extend_schema(
        operation_id="add_periodic_task", request=PeriodicTaskIn, responses={201: PeriodicTaskOut}, tags=TAGS
    ),
)
class PeriodicTasks(SyncView):
    """What beat sends, by name. One of your own sends what a built-in one does, at other times."""

    permission_classes = [ModelAccess]
    model = "django_celery_beat.periodictask"
    parser_classes = [JSONParser]
    takes = {"POST": PeriodicTaskIn}
    asks = {"GET": PeriodicTaskQuery}
    refusals = {"GET": (403,), "POST": (409,)}

    def get(self, request: Request) -> Response:
        found = [as_document(one) for one in periodic_tasks.chosen(**filters_of(self))]
        return Response(page_of(self, found, PeriodicTaskOut, ORDERS))

    def post(self, request: Request) -> Response:
        task = periodic_tasks.add(_schedule(_taken(self.wanted)), request.user, **self.wanted)
        return Response(as_document(task), status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(operation_id="show_periodic_task", responses=PeriodicTaskOut, tags=TAGS),
    patch=extend_schema(
        operation_id="change_periodic_task", request=PeriodicTaskChange, responses=PeriodicTaskOut, tags=TAGS
    ),
    delete=extend_schema(operation_id="delete_periodic_task", responses={204: None}, tags=TAGS),
)
class PeriodicTaskOne(SyncView):
    """One task, by its name or id. Beat follows a change within seconds. A built-in one keeps its name, task and description, and stays."""

    permission_classes = [ModelAccess]
    model = "django_celery_beat.periodictask"
    parser_classes = [JSONParser]
    takes = {"PATCH": PeriodicTaskChange}
    refusals = {"GET": (403,), "PATCH": (409,), "DELETE": (409,)}

    def get(self, request: Request, task: str) -> Response:
        return Response(as_document(periodic_tasks.find(task)))

    def patch(self, request: Request, task: str) -> Response:
        given = _taken(self.wanted)
        when = _schedule(given) if given else None
        return Response(as_document(periodic_tasks.change(task, request.user, when, **self.wanted)))

    def delete(self, request: Request, task: str) -> Response:
        periodic_tasks.remove(task, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    post=extend_schema(
        operation_id="run_periodic_task", request=None, responses={202: PeriodicTaskOut}, tags=TAGS
    )
)
class PeriodicTaskRun(SyncView):
    """Sent to the workers at once, beside its schedule, also if it is turned off."""

    permission_classes = [ModelAccess]
    model = "django_celery_beat.periodictask"
    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request, task: str) -> Response:
        sent = periodic_tasks.run(task, request.user)
        return Response(as_document(sent), status=status.HTTP_202_ACCEPTED)


def _taken(wanted: dict[str, Any]) -> dict[str, Any]:
    """The schedule, out of what is wanted."""
    return {name: wanted.pop(name) for name in KINDS if name in wanted}


def _schedule(given: dict[str, Any]) -> schedules.Schedule:
    if "interval" in given:
        return schedules.interval(given["interval"]["every"], given["interval"]["unit"])
    if "crontab" in given:
        return schedules.crontab(given["crontab"])
    return schedules.clocked(given["at"])
