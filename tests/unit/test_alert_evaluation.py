"""Evaluations against rows of Django's database: from a reason of health to a message for each channel, once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from monitoring.alerts import elapsed, operations, watchdog
from monitoring.alerts import evaluate as module
from monitoring.alerts.catalogue import DEFAULTS
from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.rules import current_rules, limits_of
from monitoring.facts import take_snapshot
from monitoring.health.limits import DEFAULT
from monitoring.health.values import Code
from syncapp.models import Alert, AlertMessage, AlertWatch, AuditEntry, Instance, MetricMinute
from syncapp.models.choices import Direction
from syncapp.services.errors import NotFound, NotPossible, WrongInput
from syncapp.services.switches import change_switches
from tests.support import rows

pytestmark = pytest.mark.django_db
State = Alert.State


class Machine:
    """Its clock is set by hand."""

    seconds = 1_000.0

    def mark(self) -> str:
        return f"boot {self.seconds}"

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
        assert evaluate(by_beat=True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    one = Machine()
    monkeypatch.setattr(elapsed, "mark", one.mark)
    change_switches(enabled=True)
    return one


@pytest.fixture
def device(machine: Machine) -> Iterator[Instance]:
    device = rows.device()
    machine.passes(0)
    return device


def stream(device: Instance, status: str) -> None:
    device.atlas_stream, device.atlas_stream_since, device.seen_at = status, timezone.now(), timezone.now()
    device.save()


def messages(kind: str = "") -> list[AlertMessage]:
    return list(AlertMessage.objects.filter(kind__startswith=kind))


def only() -> Alert:
    return Alert.objects.get()


def test_every_code_has_a_rule() -> None:
    assert set(DEFAULTS) == set(Code)
    for rule in DEFAULTS.values():
        assert rule.means, rule.code
        assert rule.todo.removesuffix(".") == rule.todo != "", rule.code


def test_the_default_rules_leave_the_bounds_of_health_as_they_are() -> None:
    assert limits_of(current_rules()) == DEFAULT


def test_pending_firing_and_resolved(machine: Machine, device: Instance) -> None:
    operations.set_rule("change-stream", for_seconds=20)
    stream(device, "disconnected")
    machine.passes(5)
    assert (only().state, only().about, messages()) == (State.PENDING, "atlas", [])
    machine.passes(10)
    machine.passes(10)
    assert only().state == State.FIRING
    (told,) = messages()
    assert told.body == {
        "code": "change-stream",
        "state": "firing",
        "severity": "critical",
        "device": rows.DEVICE,
        "since": only().since.isoformat(),
        "message": only().message,
        "todo": DEFAULTS[Code.STREAM].todo,
        "link": "http://localhost:5000/docs/runbooks/#change-stream",
    }
    machine.passes(5)
    assert messages() == [told], "firing is said once"
    stream(device, "connected")
    machine.passes(5)
    machine.passes(5)
    assert (only().state, len(messages("firing")), len(messages("resolved"))) == (State.RESOLVED, 1, 1)
    assert only().resolved_at is not None


def test_a_share_that_goes_up_and_down_around_its_bound_is_told_of_once(
    machine: Machine, device: Instance
) -> None:
    minute = rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=990, failed=10)
    for processed in (1_001, 1_000, 1_002, 1_000):
        machine.passes(10)
        MetricMinute.objects.filter(pk=minute.pk).update(processed=processed)
    assert [one.kind for one in messages()] == ["firing"]
    MetricMinute.objects.filter(pk=minute.pk).update(processed=2_000)
    for _ in range(11):
        machine.passes(29)
        assert Instance.objects.update(seen_at=timezone.now())
    assert [one.kind for one in messages()] == ["firing", "resolved"]
    assert Alert.objects.count() == 1


def test_a_rule_that_is_switched_off_ends_its_alert_at_once(machine: Machine, device: Instance) -> None:
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=90, failed=10)
    machine.passes(10)
    operations.set_rule("rejected-changes", enabled=False)
    machine.passes(10)
    assert only().state == State.RESOLVED


def test_what_did_not_last_leaves_nothing(machine: Machine, device: Instance) -> None:
    stream(device, "disconnected")
    machine.passes(5)
    stream(device, "connected")
    machine.passes(5)
    assert not Alert.objects.exists()
    assert not messages()


def test_both_sides_are_two_alerts_whatever_their_text(machine: Machine, device: Instance) -> None:
    device.local_stream = "disconnected"
    stream(device, "disconnected")
    machine.passes(5)
    Instance.objects.update(stops={"atlas": {"text": "no route", "since": 0}})
    machine.passes(5)
    assert sorted(Alert.objects.values_list("code", "about")) == [
        ("change-stream", "atlas"),
        ("change-stream", "local"),
    ]


def test_a_silent_listener_does_not_resolve_what_only_it_can_tell(machine: Machine, device: Instance) -> None:
    operations.set_rule("change-stream", for_seconds=0)
    operations.set_rule("listener-silent", for_seconds=0)
    stream(device, "disconnected")
    machine.passes(5)
    Instance.objects.update(seen_at=timezone.now() - dt.timedelta(seconds=200))
    machine.passes(5)
    assert set(Alert.objects.values_list("code", "state")) == {
        ("change-stream", "firing"),
        ("listener-silent", "firing"),
    }
    stream(device, "connected")
    machine.passes(5)
    assert set(Alert.objects.values_list("state", flat=True)) == {"resolved"}


def test_of_two_evaluations_at_once_only_one_counts(
    machine: Machine, device: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations.set_rule("change-stream", for_seconds=0)
    stream(device, "disconnected")
    overtaken: list[bool] = []

    def snapshot() -> Any:
        found = take_snapshot()
        if not overtaken:  # the other one begins and ends between this one's reading and its writing
            overtaken.append(False)
            overtaken[0] = evaluate(by_beat=True)
        return found

    monkeypatch.setattr(module, "take_snapshot", snapshot)
    assert not evaluate(by_beat=True)
    assert overtaken == [True]
    assert len(messages()) == 1


def test_a_wall_clock_that_jumps_does_not_make_it_fire(
    machine: Machine, device: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream(device, "disconnected")
    machine.passes(5)
    ahead = timezone.now() + dt.timedelta(hours=3)
    device.seen_at = ahead
    device.save()
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    machine.passes(5)
    assert Alert.objects.get(code="change-stream").state == State.PENDING


def test_a_rule_that_is_switched_off_ends_its_alert(machine: Machine, device: Instance) -> None:
    operations.set_rule("change-stream", for_seconds=0)
    stream(device, "disconnected")
    machine.passes(5)
    operations.set_rule("change-stream", enabled=False)
    machine.passes(5)
    assert only().state == State.RESOLVED


def test_what_gets_worse_is_said_again(machine: Machine, device: Instance) -> None:
    operations.set_rule("conflicts", threshold=1, critical=2)
    rows.conflict({"_id": 1}, {"_id": 1})
    machine.passes(5)
    for number in range(2, 5):
        rows.conflict({"_id": number}, {"_id": number})
    machine.passes(5)
    machine.passes(5)
    assert [one.body["severity"] for one in messages()] == ["warning", "critical"]


def test_acknowledged_and_silenced(machine: Machine, device: Instance) -> None:
    operations.set_rule("change-stream", for_seconds=0)
    stream(device, "disconnected")
    machine.passes(5)
    operations.acknowledge(only().pk)
    machine.passes(5)
    assert only().state == State.ACKNOWLEDGED
    operations.silence(only().pk, timezone.now() + dt.timedelta(hours=1))
    stream(device, "connected")
    machine.passes(5)
    stream(device, "disconnected")
    machine.passes(5)
    newest = Alert.objects.get(resolved_at=None)
    assert newest.state == State.SILENCED, "it outlasts what flaps"
    assert (len(messages("firing")), len(messages("resolved"))) == (1, 1)
    operations.unsilence(newest.pk)
    machine.passes(5)
    assert len(messages("firing")) == 2
    with pytest.raises(NotPossible, match="resolved"):
        operations.acknowledge(Alert.objects.exclude(resolved_at=None).get().pk)
    with pytest.raises(NotFound):
        operations.acknowledge(12345)


def test_a_threshold_is_one_for_health_and_alerts(machine: Machine, device: Instance) -> None:
    rows.conflict({"_id": 1}, {"_id": 1})
    assert take_snapshot().health.status == "healthy"
    operations.set_rule("conflicts", threshold=1)
    (reason,) = take_snapshot().health.reasons
    assert (reason.code, reason.status) == ("conflicts", "degraded")
    assert "fewer than 1 are normal" in reason.text
    operations.set_rule("conflicts", threshold=40)
    assert limits_of(current_rules()).conflicts_critical == 40, "critical moves up with it"


def test_pending_operations_wait_where_health_waits(machine: Machine, device: Instance) -> None:
    operations.set_rule("pending-operations", for_seconds=5, threshold=10)
    device.queue_size, device.push_lag_ms = 11, 6_000
    device.save()
    machine.passes(5)
    assert Alert.objects.get(code="pending-operations").state == State.FIRING


@pytest.mark.parametrize(
    ("code", "changed", "text"),
    [
        ("lag", {"for_seconds": -1}, "forSeconds is -1; allowed: seconds from 0"),
        ("halted", {"threshold": 3}, "threshold is 3; allowed: nothing: the rule halted has none"),
        ("lag", {"critical": 3}, "critical is 3; allowed: nothing"),
        ("conflicts", {"threshold": 1.5}, "a whole number (conflicts an hour)"),
        ("conflicts", {"threshold": 9, "critical": 4}, "the threshold or more (9)"),
        ("listener-silent", {"threshold": 1}, "a number from 5 to"),
    ],
)
def test_wrong_rules_say_what_is_allowed(code: str, changed: dict[str, Any], text: str) -> None:
    with pytest.raises(WrongInput) as error:
        operations.set_rule(code, **changed)
    assert text in error.value.detail


def test_a_large_threshold_is_audited_as_it_is() -> None:
    operations.set_rule("pending-operations", threshold=1_234_567)
    assert AuditEntry.objects.get().detail.endswith("for 600 s, from 1234567")


def test_a_rule_that_there_is_not_is_not_found() -> None:
    with pytest.raises(NotFound):
        operations.set_rule("nonsense", enabled=False)


def test_the_web_process_takes_over_while_beat_is_silent(machine: Machine, device: Instance) -> None:
    assert not watchdog.look()
    AlertWatch.objects.update(beat_at=timezone.now() - dt.timedelta(seconds=70))
    for _ in range(3):
        machine.seconds += 20
        assert watchdog.look()
        assert watchdog.look(), "of several web processes each looks, and says it no second time"
    (told,) = messages()
    assert (told.body["code"], told.body["severity"]) == ("beat-silent", "critical")
    assert told.sent_at, "it has sent it itself"
    machine.passes(5)
    assert only().state == State.RESOLVED
    assert not watchdog.look()


def test_beat_whose_evaluations_fail_is_as_good_as_silent(
    machine: Machine, device: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = timezone.now() - dt.timedelta(seconds=70)
    AlertWatch.objects.update(beat_at=long_ago)
    with monkeypatch.context() as broken:
        broken.setattr(module, "take_snapshot", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate(by_beat=True)
    assert AlertWatch.objects.get().beat_at == long_ago
    assert watchdog.look(), "the web process looks itself"


def test_the_web_process_looks_rarely_while_beat_works(
    machine: Machine, device: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = watchdog.Watchdog()
    assert one.watch() == watchdog.AT_REST_SECONDS
    long_ago = timezone.now() - dt.timedelta(seconds=70)
    AlertWatch.objects.update(beat_at=long_ago, awaited_since=long_ago)
    assert one.watch() == watchdog.EVERY_SECONDS

    def broken() -> bool:
        raise DatabaseError("away")

    monkeypatch.setattr(watchdog, "look", broken)
    assert one.watch() == watchdog.EVERY_SECONDS


def test_beat_was_not_silent_while_the_product_did_not_run(machine: Machine, device: Instance) -> None:
    """Else a start after a night would not be healthy until beat has run, which starts last."""
    AlertWatch.objects.update(beat_at=timezone.now() - dt.timedelta(hours=9))
    assert watchdog.Watchdog().watch() == watchdog.AT_REST_SECONDS
    assert take_snapshot().facts.beat_silent_s == pytest.approx(0, abs=5)


def test_beat_that_never_ran_is_noticed_too(machine: Machine) -> None:
    rows.device()
    assert not watchdog.look()
    assert take_snapshot().facts.beat_silent_s == pytest.approx(0, abs=5)
    AlertWatch.objects.update(awaited_since=timezone.now() - dt.timedelta(seconds=61))
    assert watchdog.look()
    assert only().code == "beat-silent"


def test_what_is_long_over_is_forgotten(machine: Machine, device: Instance) -> None:
    operations.set_rule("change-stream", for_seconds=0)
    stream(device, "disconnected")
    machine.passes(5)
    stream(device, "connected")
    machine.passes(5)
    assert operations.prune() == 0
    Alert.objects.update(resolved_at=timezone.now() - dt.timedelta(days=90) - dt.timedelta(days=1))
    assert operations.prune() > 0
    assert not Alert.objects.exists()
    assert not messages()
