"""Alerts by the API: what fires, acknowledged and silenced; rules; channels."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.operations import set_rule
from syncapp.models import Alert, AlertWatch, AuditEntry
from syncapp.services.switches import change_switches
from tests.api.conftest import ROOT
from tests.support import rows
from tests.support.receivers import http_receiver

pytestmark = pytest.mark.django_db
ALERTS = f"{ROOT}/alerts"


@pytest.fixture
def firing() -> Alert:
    change_switches(enabled=True)
    rows.device(atlas_stream="disconnected")
    set_rule("change-stream", for_seconds=0)
    evaluate(by_beat=True)
    return Alert.objects.get()


def test_what_fires_is_listed_with_what_to_do(reader: APIClient, firing: Alert) -> None:
    body = reader.get(ALERTS).json()
    assert (body["count"], body["next"], body["previous"]) == (1, None, None)
    (one,) = body["results"]
    assert one == {
        "id": firing.pk,
        "code": "change-stream",
        "about": "atlas",
        "state": "firing",
        "severity": "critical",
        "device": rows.DEVICE,
        "since": one["since"],
        "message": firing.message,
        "todo": "Check network, server and login of that side; it reconnects by itself",
        "link": "http://localhost:5000/docs/runbooks/#change-stream",
        "firedAt": one["firedAt"],
        "resolvedAt": None,
        "acknowledgedAt": None,
        "acknowledgedBy": "",
        "silencedUntil": None,
    }
    messages = [{"channel": "log", "kind": "firing", "sentAt": None, "dropped": ""}]
    assert reader.get(f"{ALERTS}/{firing.pk}").json() == {**one, "messages": messages}
    assert reader.get(ALERTS, {"severity": "warning"}).json()["count"] == 0
    assert reader.get(ALERTS, {"state": "resolved"}).json()["count"] == 0
    assert reader.get(ALERTS, {"code": "change-stream", "state": "firing"}).json()["count"] == 1


def test_it_is_acknowledged_and_silenced(operator: APIClient, firing: Alert) -> None:
    one = f"{ALERTS}/{firing.pk}"
    answer = operator.post(f"{one}/acknowledge").json()
    assert (answer["state"], answer["acknowledgedBy"]) == ("acknowledged", "operator")
    assert operator.post(f"{one}/acknowledge").status_code == 200
    until = timezone.now() + dt.timedelta(hours=2)
    answer = operator.post(f"{one}/silence", {"until": until.isoformat()}, format="json").json()
    assert answer["state"] == "silenced"
    assert dt.datetime.fromisoformat(answer["silencedUntil"]) == until
    assert operator.post(f"{one}/acknowledge").status_code == 409
    answer = operator.post(f"{one}/silence", {"minutes": 5}, format="json").json()
    assert dt.datetime.fromisoformat(answer["silencedUntil"]) < timezone.now() + dt.timedelta(minutes=6)
    assert operator.delete(f"{one}/silence").json()["silencedUntil"] is None
    assert AuditEntry.objects.filter(action__contains="alert").count() == 5
    for act in ("acknowledge", "silence"):
        body = {"minutes": 5} if act == "silence" else None
        assert operator.post(f"{ALERTS}/999/{act}", body, format="json").status_code == 404


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({}, "allowed: either until or minutes"),
        ({"minutes": 5, "until": "2999-01-01T00:00:00Z"}, "allowed: either until or minutes"),
        ({"minutes": 0}, "minutes is 0; allowed: a whole number from 1"),
        ({"until": "tomorrow"}, 'until is "tomorrow"; allowed: a time such as'),
        ({"until": "2020-01-01T00:00:00Z"}, "allowed: a time in the future, within a year"),
    ],
)
def test_a_silence_has_an_end(operator: APIClient, firing: Alert, body: Any, line: str) -> None:
    answer = operator.post(f"{ALERTS}/{firing.pk}/silence", body, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]


def test_a_rule_is_changed_and_made_the_default_again(operator: APIClient) -> None:
    rules = operator.get(f"{ALERTS}/rules").json()["results"]
    assert len(rules) > 20
    assert not any(one["changed"] for one in rules)
    rule = f"{ALERTS}/rules/conflicts"
    answer = operator.put(rule, {"forSeconds": 5, "threshold": 3, "enabled": True}, format="json").json()
    assert answer == operator.get(rule).json()
    expected = {"forSeconds": 5, "threshold": 3, "critical": 20, "enabled": True, "changed": True}
    assert answer.items() >= expected.items()
    assert operator.put(rule, {"threshold": None}, format="json").json()["threshold"] == 5
    assert operator.put(rule, {"enabled": False}, format="json").json()["forSeconds"] == 5
    assert not operator.delete(rule).json()["changed"]
    assert AuditEntry.objects.filter(action="change alert rule").count() == 4
    assert operator.get(f"{ALERTS}/rules/nonsense").status_code == 404
    assert operator.put(f"{ALERTS}/rules/nonsense", {"enabled": False}, format="json").status_code == 404


@pytest.mark.parametrize(
    ("code", "body", "line"),
    [
        ("lag", {}, "nothing is given; allowed: forSeconds, threshold, critical, enabled"),
        ("lag", {"forSeconds": "5"}, 'forSeconds is "5"; allowed: seconds from 0'),
        ("lag", {"forSeconds": True}, "forSeconds is true; allowed: seconds from 0"),
        ("lag", {"for": 5}, "for is unknown"),
        ("lag", {"enabled": None}, "enabled is null; allowed: true or false"),
        ("halted", {"threshold": 5}, "the rule halted has none"),
    ],
)
def test_a_wrong_rule_is_one_line(operator: APIClient, code: str, body: Any, line: str) -> None:
    answer = operator.put(f"{ALERTS}/rules/{code}", body, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    assert not AuditEntry.objects.exists()


def test_a_channel_from_its_beginning_to_its_end(operator: APIClient, reader: APIClient) -> None:
    channels = f"{ALERTS}/channels"
    with http_receiver() as receiver:
        body = {"name": "app", "kind": "webhook", "options": {"url": receiver.url, "secret": "hush"}}
        answer = operator.post(channels, {**body, "events": ["halted"]}, format="json")
        assert answer.status_code == 201, answer.json()
        assert operator.post(channels, body, format="json").status_code == 409
        assert operator.post(f"{channels}/app/test").json() == {"sent": True}
        assert receiver.bodies[0]["code"] == "test"
        receiver.answers = [500]
        refused = operator.post(f"{channels}/app/test")
        assert (refused.status_code, refused.json()["code"]) == (503, "unreachable")
        assert "answered 500" in refused.json()["detail"]
    listed = reader.get(channels)
    assert "hush" not in listed.content.decode()
    assert [one["name"] for one in listed.json()["results"]] == ["log", "app"]
    shown = reader.get(f"{channels}/app").json()
    assert shown["options"] == {"url": "***", "secret": "***"}
    changed = operator.put(f"{channels}/app", {"alerts": False, "options": shown["options"]}, format="json")
    assert (changed.json()["alerts"], changed.json()["events"]) == (False, ["halted"])
    assert operator.delete(f"{channels}/app").status_code == 204
    assert operator.get(f"{channels}/app").status_code == 404
    assert operator.delete(f"{channels}/log").status_code == 409
    assert operator.put(f"{channels}/log", {"enabled": False}, format="json").json()["enabled"] is False


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"name": "a", "kind": "webhook"}, "options is missing"),
        ({"name": "a", "kind": "webhook", "options": {"url": 5}}, "options is"),
        (
            {"name": "a", "kind": "webhook", "options": {"url": "nowhere"}},
            "url is '***'; allowed: an address",
        ),
        ({"name": "a", "kind": "pigeon", "options": {}}, "allowed: email, webhook, slack"),
        ({"name": "a", "kind": "webhook", "options": {}, "events": ["x"]}, "events is"),
    ],
)
def test_a_wrong_channel_is_one_line(operator: APIClient, body: Any, line: str) -> None:
    answer = operator.post(f"{ALERTS}/channels", body, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]


def ready(client: APIClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def test_readyz_and_health_say_that_beat_or_the_listener_is_silent(anybody: APIClient) -> None:
    device = rows.device()
    assert ready(anybody) == (
        503,
        {"status": "not ready", "database": "ok", "listener": "ok", "beat": "silent"},
    ), "nobody has evaluated anything yet"
    evaluate(by_beat=True)
    assert ready(anybody)[0] == 200
    AlertWatch.objects.update(beat_at=timezone.now() - dt.timedelta(seconds=61))
    assert ready(anybody)[1]["beat"] == "silent"
    assert anybody.get(f"{ROOT}/health").json()["health"] == "degraded"
    evaluate(by_beat=True)
    device.seen_at = timezone.now() - dt.timedelta(seconds=61)
    device.save()
    assert ready(anybody)[1]["listener"] == "silent"
    assert anybody.get(f"{ROOT}/health").status_code == 503
