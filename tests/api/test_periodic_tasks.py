"""Periodic tasks by API: on and off, and other periods; what beat could not follow is refused, here and in the admin."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
)
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.tasks import schedule
from tests.api.conftest import client_of

pytestmark = pytest.mark.django_db
RETRY = "/api/periodic-tasks/" + quote("Retry rejected changes")
NIGHTLY = {
    "minute": "30",
    "hour": "2",
    "dayOfMonth": "*",
    "monthOfYear": "*",
    "dayOfWeek": "1-5",
    "timezone": "Europe/Berlin",
}


@pytest.fixture
def administrator(root: User) -> APIClient:
    schedule.seed(60_000, 3)
    return client_of(root)


def test_they_are_listed_with_their_periods(administrator: APIClient) -> None:
    listed = administrator.get("/api/periodic-tasks").json()
    tasks = {one["name"]: one for one in listed["results"]}
    assert listed["count"] == PeriodicTask.objects.count() == len(tasks)
    assert all(one["builtIn"] and one["enabled"] for one in tasks.values())
    retry, prune = tasks["Retry rejected changes"], tasks["Roll up and prune old metrics"]
    assert (retry["interval"], retry["crontab"], retry["lastRunAt"]) == (
        {"every": 600, "unit": "seconds"},
        None,
        None,
    )
    assert (prune["interval"], prune["crontab"]["hour"], prune["crontab"]["timezone"]) == (None, "3", "UTC")
    assert (
        administrator.get(RETRY).json()
        == retry
        == administrator.get(f"/api/periodic-tasks/{retry['id']}").json()
    )
    assert administrator.get("/api/periodic-tasks/none").status_code == 404
    page = administrator.get("/api/periodic-tasks?name=retry&enabled=true&builtIn=true").json()
    assert page["results"] == [retry]
    assert administrator.get("/api/periodic-tasks?builtIn=false").json()["count"] == 0


def test_one_is_turned_off_and_given_another_period(administrator: APIClient, root: User) -> None:
    told = PeriodicTasks.last_change()
    body = administrator.patch(
        RETRY, {"enabled": False, "interval": {"every": 2, "unit": "hours"}}, format="json"
    ).json()
    assert (body["enabled"], body["interval"], body["schedule"]) == (
        False,
        {"every": 2, "unit": "hours"},
        "every 2 hours",
    )
    assert PeriodicTasks.last_change() != told, "beat reads them again"
    assert administrator.patch(RETRY, {"enabled": False}, format="json").json() == body
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail, entry.user, entry.address) == (
        "change periodic task", "Retry rejected changes", root, "127.0.0.1",
    )  # fmt: skip
    assert (entry.before, entry.after) == (
        {"enabled": True, "schedule": "every 600 seconds"}, {"enabled": False, "schedule": "every 2 hours"},
    )  # fmt: skip
    body = administrator.patch(RETRY, {"crontab": NIGHTLY}, format="json").json()
    assert (body["interval"], body["crontab"], body["enabled"]) == (None, NIGHTLY, False)
    again = {"crontab": {"minute": "30", "hour": "2", "dayOfWeek": "1-5", "timezone": "Europe/Berlin"}}
    assert administrator.patch(RETRY, again, format="json").json() == body
    assert (CrontabSchedule.objects.filter(minute="30").count(), AuditEntry.objects.count()) == (1, 2)


@pytest.mark.parametrize(
    ("given", "field", "line"),
    [
        ({}, None, "nothing is given; allowed: "),
        ({"solar": "x"}, None, "solar is unknown; allowed: "),
        ({"at": "2001-01-01T00:00:00Z"}, "at", 'at is "2001-01-01'),
        ({"at": "9999-12-31T23:59:59Z"}, "at", 'at is "9999-12-31'),
        ({"at": 5}, "at", "at is 5; allowed: a time such as"),
        ({"task": "celery.ping"}, "task", 'task is "celery.ping"; allowed: syncapp.maintenance.'),
        ({"expireSeconds": 0}, "expireSeconds", "expireSeconds is 0; allowed: a whole number from 1"),
        ({"description": "a\nb"}, "description", 'description is "a\\nb"; allowed: one line'),
        ({"name": ""}, "name", 'name is ""; allowed: one line'),
        (
            {"interval": {"every": 1, "unit": "days"}, "crontab": NIGHTLY},
            None,
            "interval and crontab are given; allowed: one of interval, crontab, at",
        ),
        ({"interval": 5}, "interval", "interval is 5; allowed: an object of every, unit"),
        ({"interval": {"every": 5, "period": "days"}}, None, "period is unknown; allowed: every, unit"),
        (
            {"interval": {"every": 0, "unit": "days"}},
            "interval",
            "every is 0; allowed: a whole number from 1",
        ),
        (
            {"interval": {"every": 5, "unit": "weeks"}},
            "interval",
            'unit is "weeks"; allowed: days, hours, minutes',
        ),
        (
            {"interval": {"every": 10, "unit": "microseconds"}},
            "interval",
            'interval is "10 microseconds"; allowed: 1 second to',
        ),
        (
            {"interval": {"every": 3651, "unit": "days"}},
            "interval",
            'interval is "3651 days"; allowed: 1 second to 3650 days',
        ),
        (
            {"interval": {"every": 2**31 - 1, "unit": "days"}},
            "interval",
            'interval is "2147483647 days"; allowed',
        ),
        ({"crontab": {"hour": "2"}}, "crontab", "minute is missing; allowed: as in a crontab"),
        ({"crontab": {**NIGHTLY, "hour": "25"}}, "crontab", 'crontab.hour is "25"; allowed: as in a crontab'),
        ({"crontab": {**NIGHTLY, "hour": "2,"}}, "crontab", "crontab"),
        (
            {"crontab": {**NIGHTLY, "timezone": "Europe"}},
            "crontab",
            'crontab.timezone is "Europe"; allowed: a time',
        ),
        ({"crontab": {**NIGHTLY, "dayOfWeek": "7"}}, "crontab", "crontab cannot be followed: "),
        (
            {"crontab": {**NIGHTLY, "dayOfMonth": "30", "monthOfYear": "2"}},
            "crontab",
            "crontab cannot be followed: ",
        ),
        (
            {"crontab": {**NIGHTLY, "timezone": "Mars/Base"}},
            "crontab",
            'crontab.timezone is "Mars/Base"; allowed: a time zone',
        ),
        (
            {"crontab": {**NIGHTLY, "timezone": "../UTC"}},
            "crontab",
            'crontab.timezone is "../UTC"; allowed: a time zone',
        ),
    ],
)
def test_what_a_task_cannot_be_given_is_refused(
    administrator: APIClient, given: dict[str, Any], field: str | None, line: str
) -> None:
    before = administrator.get(RETRY).json()
    answer = administrator.patch(RETRY, given, format="json")
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["detail"].startswith(line)
    assert administrator.get(RETRY).json() == before
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("model", "given", "line"),
    [
        ("intervalschedule", {"every": 10, "period": "microseconds"}, "1 second to 3650 days"),
        (
            "crontabschedule",
            {
                "minute": "0",
                "hour": "4",
                "day_of_month": "*",
                "month_of_year": "*",
                "day_of_week": "7",
                "timezone": "UTC",
            },
            "crontab cannot be followed",
        ),
    ],
)
def test_the_admin_refuses_the_same(root: User, model: str, given: dict[str, Any], line: str) -> None:
    client = Client()
    client.force_login(root)
    add = reverse(f"admin:django_celery_beat_{model}_add")
    kind = IntervalSchedule if model == "intervalschedule" else CrontabSchedule
    kept = kind.objects.count()
    assert line in client.post(add, given).content.decode()
    assert kind.objects.count() == kept
    right = (
        {**given, "period": "days", "day_of_week": "0"}
        if "hour" in given
        else {"every": 10, "period": "days"}
    )
    none_of_its_tasks = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    answer = client.post(add, {**right, **none_of_its_tasks})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
