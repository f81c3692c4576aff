"""Events for applications: read from rows up to a cursor, at least once, sent once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import resolve
from django.utils import timezone

from monitoring.alerts import channel_operations as operations
from monitoring.alerts.delivery import deliver
from monitoring.alerts.events import KINDS, collect
from monitoring.alerts.kind import Message
from syncapp.models import Alert, AlertChannel, AlertMessage, AlertWatch, Instance
from tests.support import rows
from tests.support.receivers import http_receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook() -> AlertChannel:
    AlertWatch.objects.create(id=1)
    rows.device()
    return operations.add("app", "webhook", {"url": "http://x"}, alerts=False, events=list(KINDS))


def resolved() -> None:
    Alert.objects.create(
        code="change-stream", about="atlas", state="resolved", severity="critical", told="critical",
        since=timezone.now(), message="", resolved_at=timezone.now(),
    )  # fmt: skip


HAPPENS: dict[str, Callable[[], object]] = {
    "conflict-recorded": lambda: rows.conflict({"_id": 1}, {"_id": 1, "secret": "in the document"}),
    "change-rejected": lambda: rows.rejected(key=7),
    "halted": lambda: Instance.objects.update(halts=[rows.halt()]),
    "verified": lambda: rows.run("done", kind="verify", documents=10, different=2, ended_at=timezone.now()),
    "device-back": resolved,
}


def kinds() -> list[str]:
    return [row.body["event"] for row in AlertMessage.objects.all()]


def test_there_is_a_test_of_each_kind() -> None:
    assert set(HAPPENS) == set(KINDS)


@pytest.mark.parametrize("kind", HAPPENS)
def test_it_is_put_once(hook: AlertChannel, kind: str) -> None:
    collect()
    HAPPENS[kind]()
    assert collect() == 1
    assert collect() == 0
    row = AlertMessage.objects.get()
    assert row.body.items() >= {"event": kind, "device": rows.DEVICE}.items()
    assert row.body["message"]
    resolve(row.body["link"].removeprefix("http://localhost:5000"))
    assert "in the document" not in str(row.body)


@pytest.mark.parametrize("kind", HAPPENS)
def test_what_was_before_the_channel_is_not_told(hook: AlertChannel, kind: str) -> None:
    HAPPENS[kind]()
    assert collect() == 0
    assert collect() == 0


@pytest.mark.parametrize("kind", HAPPENS)
def test_a_restart_between_reading_and_remembering_repeats_nothing(hook: AlertChannel, kind: str) -> None:
    collect()
    before = AlertWatch.objects.get().events
    HAPPENS[kind]()
    collect()
    AlertWatch.objects.update(events=before)
    collect()
    assert kinds() == [kind]


def test_a_row_that_is_committed_late_is_not_left_out(hook: AlertChannel) -> None:
    first, second = (rows.conflict({"_id": number}, {"_id": number}) for number in (1, 2))
    late = first.pk
    first.delete()
    second.delete()
    collect()
    AlertWatch.objects.update(events={})
    collect()  # the cursor is at 0
    rows.conflict({"_id": 3}, {"_id": 3}, id=late + 5)
    assert collect() == 1
    rows.conflict({"_id": 4}, {"_id": 4}, id=late)
    assert collect() == 1


def test_only_what_was_asked_for_and_no_alerts(hook: AlertChannel) -> None:
    operations.change("app", events=["halted"])
    collect()
    for happens in HAPPENS.values():
        happens()
    collect()
    assert kinds() == ["halted"]
    operations.change("app", events=[])
    collect()
    assert AlertWatch.objects.get().events == {}


def test_a_halt_is_told_with_its_own_time(hook: AlertChannel) -> None:
    collect()
    halt = {**rows.halt(), "at": "2026-03-01T12:00:00+00:00"}
    Instance.objects.update(halts=[halt])
    collect()
    assert AlertMessage.objects.get().body["at"] == halt["at"]


def test_a_backlog_is_bounded(hook: AlertChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitoring.alerts import outbox

    monkeypatch.setattr(outbox, "MOST_WAITING", 3)
    collect()
    for number in range(5):
        rows.conflict({"_id": number}, {"_id": number})
    collect()
    assert AlertMessage.objects.filter(dropped="").count() == 3


def test_an_application_gets_it_signed(hook: AlertChannel) -> None:
    with http_receiver() as receiver:
        operations.change("app", options={"url": receiver.url, "secret": "s"})
        collect()
        rows.conflict({"_id": 1}, {"_id": 1})
        collect()
        assert deliver() == 1
        (post,) = receiver.posts
    assert post.body["event"] == "conflict-recorded"
    assert post.headers["X-Isthmus-Signature"].startswith("sha256=")
    assert Message("", "event", {}).kind == AlertMessage.Kind.EVENT
