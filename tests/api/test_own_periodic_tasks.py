"""Periodic tasks of one's own by API, and running one at once; what stays of the product's; and what of it the admin does."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask
from kombu.exceptions import OperationalError
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.services import periodic_tasks
from syncapp.tasks import schedule
from tests.api.conftest import client_of
from tests.api.test_periodic_tasks import RETRY

pytestmark = pytest.mark.django_db


MINE = {
    "name": "Verify at noon",
    "task": "syncapp.maintenance.verify_part",
    "crontab": {"minute": "0", "hour": "12"},
}


@pytest.fixture
def administrator(root: User) -> APIClient:
    schedule.seed(60_000, 3)
    return client_of(root)


def test_one_of_your_own_is_added_changed_and_deleted(administrator: APIClient, root: User) -> None:
    made = administrator.post(
        "/api/periodic-tasks", {**MINE, "description": "Noon", "expireSeconds": 60}, format="json"
    )
    assert made.status_code == 201
    shown = made.json()
    assert (shown["builtIn"], shown["enabled"], shown["expireSeconds"], shown["at"]) == (
        False,
        True,
        60,
        None,
    )
    assert PeriodicTask.objects.get(name="Verify at noon").queue == "maintenance"
    one = f"/api/periodic-tasks/{shown['id']}"
    at = (timezone.now() + dt.timedelta(days=2)).replace(microsecond=0)
    change = {"name": "Verify once", "at": at.isoformat(), "enabled": False, "expireSeconds": None}
    changed = administrator.patch(one, change, format="json").json()
    assert (changed["name"], dt.datetime.fromisoformat(changed["at"]), changed["crontab"]) == (
        "Verify once",
        at,
        None,
    )
    task = PeriodicTask.objects.get(name="Verify once")
    assert (task.one_off, task.enabled, task.expire_seconds) == (True, False, None)
    ClockedSchedule.objects.update(clocked_time=timezone.now() - dt.timedelta(days=1))
    late = administrator.patch(one, {"enabled": True}, format="json")
    assert (late.status_code, late.json()["field"]) == (400, "at"), "it would be sent at once"
    assert (
        administrator.patch(one, {"interval": {"every": 1, "unit": "days"}}, format="json").status_code == 200
    )
    assert PeriodicTask.objects.get(name="Verify once").one_off is False
    assert administrator.delete(one).status_code == 204
    assert administrator.get(one).status_code == 404
    entries = AuditEntry.objects.order_by("pk").values_list("action", "detail", "user")
    assert [(action, detail) for action, detail, user in entries if user == root.pk] == [
        ("add periodic task", "Verify at noon"),
        ("change periodic task", "Verify at noon"),
        ("change periodic task", "Verify once"),
        ("delete periodic task", "Verify once"),
    ]
    assert AuditEntry.objects.earliest("pk").after == {
        "name": "Verify at noon", "task": MINE["task"], "enabled": True, "description": "Noon", "expireSeconds": 60,
        "schedule": "0 12 * * * (m/h/dM/MY/d) UTC",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "status", "field", "line"),
    [
        ({"name": "EVALUATE alerts"}, 409, "name", "There is a periodic task 'EVALUATE alerts' already"),
        (
            {"task": "syncapp.apply_changes"},
            400,
            "task",
            'task is "syncapp.apply_changes"; allowed: syncapp.',
        ),
        ({"crontab": None}, 400, "crontab", "crontab: "),
        ({"name": "x" * 201}, 400, "name", 'name is "xxx'),
        ({"at": "2001-01-01T00:00:00Z"}, 400, None, "crontab and at are given; allowed: one of"),
        ({"args": []}, 400, None, "args is unknown; allowed: "),
    ],
)
def test_what_cannot_be_added_is_refused(
    administrator: APIClient, given: dict[str, Any], status: int, field: str | None, line: str
) -> None:
    kept = PeriodicTask.objects.count()
    answer = administrator.post("/api/periodic-tasks", {**MINE, **given}, format="json")
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.content
    assert answer.json()["detail"].startswith(line)
    without = {name: value for name, value in MINE.items() if name != "crontab"}
    answer = administrator.post("/api/periodic-tasks", without, format="json")
    assert answer.json()["detail"] == "no schedule is given; allowed: one of interval, crontab, at"
    assert PeriodicTask.objects.count() == kept


def test_those_of_the_product_stay(administrator: APIClient) -> None:
    for answer, field in (
        (administrator.delete(RETRY), None),
        (administrator.patch(RETRY, {"name": "x"}, format="json"), "name"),
        (administrator.patch(RETRY, {"task": "syncapp.maintenance.prune"}, format="json"), "task"),
        (administrator.patch(RETRY, {"description": "x"}, format="json"), "description"),
    ):
        assert (answer.status_code, answer.json()["field"]) == (409, field)
        assert "is built in" in answer.json()["detail"]
    same = {"name": "Retry rejected changes", "description": "", "expireSeconds": 60}
    assert administrator.patch(RETRY, same, format="json").json()["expireSeconds"] == 60


def test_one_is_run_at_once(administrator: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def send(name: str, args: Any, kwargs: Any, **options: Any) -> None:
        if sent:
            raise OperationalError("no broker")
        sent.append((name, args, kwargs, options["queue"], options["headers"]))

    monkeypatch.setattr(periodic_tasks.current_app, "send_task", send)
    assert administrator.post(f"{RETRY}/run", HTTP_IDEMPOTENCY_KEY="once").status_code == 202
    again = administrator.post(f"{RETRY}/run", HTTP_IDEMPOTENCY_KEY="once")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    headers = {"periodic_task_name": "Retry rejected changes"}
    assert sent == [("syncapp.maintenance.retry_rejected_changes", [], {}, "maintenance", headers)]
    assert AuditEntry.objects.get().action == "run periodic task"
    away = administrator.post(f"{RETRY}/run")
    assert (away.status_code, away.json()["code"]) == (503, "unreachable")
    PeriodicTask.objects.create(name="mine", task="mine", interval=IntervalSchedule.objects.first())
    unknown = administrator.post("/api/periodic-tasks/mine/run")
    assert (unknown.status_code, unknown.json()["detail"]) == (409, "The workers know no task 'mine'")


def test_the_actions_of_the_admin_are_in_the_audit_log(administrator: APIClient, root: User) -> None:
    client = Client()
    client.force_login(root)
    task = PeriodicTask.objects.get(name="Retry rejected changes")
    page = reverse("admin:django_celery_beat_periodictask_changelist")
    for action in ("disable_tasks", "enable_tasks", "toggle_tasks"):
        client.post(page, {"action": action, "_selected_action": [task.pk]})
    after = [entry.after["enabled"] for entry in AuditEntry.objects.order_by("pk")]
    assert after == [False, True, False]


@pytest.mark.parametrize(
    ("name", "value"), [("headers", "[]"), ("kwargs", "5"), ("args", "{}"), ("name", "EVALUATE ALERTS")]
)
def test_the_admin_refuses_what_would_end_beat(root: User, name: str, value: str) -> None:
    schedule.seed(60_000, 3)
    client = Client()
    client.force_login(root)
    every = IntervalSchedule.objects.first()
    form = {"name": "x", "task": "x", "interval": every.pk, "args": "[]", "kwargs": "{}", "headers": "{}"}  # type: ignore[union-attr]
    page = client.post(reverse("admin:django_celery_beat_periodictask_add"), {**form, name: value})
    assert page.status_code == 200
    assert name in page.context["adminform"].form.errors
    assert "solar" not in page.context["adminform"].form.fields
    assert client.post(reverse("admin:django_celery_beat_periodictask_add"), form).status_code == 302
