"""No figure contradicts another, or says what is not so: health, dashboard, API and Prometheus of the same rows."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.utils import timezone

from monitoring import dashboard, figures
from monitoring.alerts import operations
from monitoring.facts import slow_seconds, take_snapshot
from monitoring.prometheus import exposition
from syncapp.api.health import full_health
from syncapp.api.metrics import metrics
from syncapp.apply.messages import Report
from syncapp.core.decide import Decision, Observation
from syncapp.core.resolve import resolve
from syncapp.core.rule.policy import BY_AN_ANSWER, Policy, policy_for
from syncapp.core.strategy import Conflict as Dispute
from syncapp.core.values import (
    ABSENT,
    BOTH,
    Batch,
    DocumentKey,
    Ending,
    Side,
    SyncState,
    UnknownTime,
    WorkItem,
)
from syncapp.engine.plan import Plan
from syncapp.models import Conflict, Device, Instance, MetricMinute
from syncapp.models.choices import Direction
from syncapp.services.switches import change_switches
from tests.support import rows

pytestmark = pytest.mark.django_db
PULL, PUSH = Direction.ATLAS_TO_LOCAL, Direction.LOCAL_TO_ATLAS


def ago(**length: float) -> dt.timedelta:
    return dt.timedelta(**length)


@pytest.fixture(autouse=True)
def _enabled(db: None) -> None:
    change_switches(enabled=True)


def scraped(name: str) -> float | None:
    found = re.search(rf"^{re.escape(name)} (\S+)$", exposition().decode(), re.MULTILINE)
    return float(found.group(1)) if found else None


# Conflicts of the hour


def test_what_an_operator_answered_is_no_conflict_of_the_hour() -> None:
    rows.device()
    rows.conflict({"_id": 0}, {"_id": 0, "x": 1})
    for number in range(30):
        rule = ("first run: newest by updatedAt", "after a restore: atlas")[number % 2]
        made = rows.conflict({"_id": number + 1}, {"_id": number + 1, "x": 1})
        Conflict.objects.filter(pk=made.pk).update(strategy=rule)
    rows.conflict({"_id": 99}, {"_id": 99, "x": 1}, winner="local", one_way=True)
    live = dashboard.live_figures()
    assert (live["conflictRate"], live["health"]) == (1, "healthy")
    assert metrics()["conflicts"]["lastHour"] == 1, "the same figure in every place"
    assert metrics()["conflicts"]["totalConflicts"] == 32
    assert scraped("isthmus_conflicts_last_hour") == 1


@pytest.mark.parametrize("why", ["first run", "after a restore"])
def test_records_of_answers_begin_as_the_figures_expect(why: str) -> None:
    policy = Policy(unknown_time=UnknownTime.ATLAS)
    if why != "first run":
        policy = policy_for(SyncState(prefer=UnknownTime.ATLAS), Policy())
    contents = {Side.LOCAL: b"l" * 16, Side.ATLAS: b"a" * 16}
    assert resolve(Dispute(contents, {}, policy)).rule.startswith(BY_AN_ANSWER)
    assert not resolve(Dispute(contents, {}, Policy())).rule.startswith(BY_AN_ANSWER)


# What is held


def test_what_a_halt_holds_is_not_skipped() -> None:
    key = DocumentKey("a", b"1", b"1")
    plan = Plan("batch", dict.fromkeys(BOTH, 0))
    seen = Observation({Side.LOCAL: ABSENT, Side.ATLAS: b"a" * 16}, SyncState(), dict.fromkeys(BOTH, 0))
    versions: dict[Side, bytes | None] = {Side.LOCAL: None, Side.ATLAS: b"x"}
    counts = []
    for decision in (Decision.HALTED, Decision.MANUAL, Decision.AGREED):
        plan.add(WorkItem(key), seen, decision, versions, Policy())
        (outcome,) = plan.outcomes.values()
        assert outcome.ending is Ending.DONE
        batch = Batch("t", Side.LOCAL, "a", (WorkItem(key),), {})
        counts.append(Report.of(batch, [outcome], 1.0).counts)
    assert counts == [{}, {}, {"atlas skipped": 1}]


# Lag


@pytest.mark.parametrize("state", ["disconnected", "connecting"])
@pytest.mark.parametrize(("side", "direction"), [("atlas", PULL), ("local", PUSH)])
def test_the_lag_grows_while_a_stream_is_not_connected(state: str, side: str, direction: Direction) -> None:
    since = timezone.now() - ago(seconds=90)
    rows.device(**{f"{side}_stream": state, f"{side}_stream_since": since})
    live, body = dashboard.live_figures(), metrics()
    for lag in (live["directions"][direction]["lagMs"], body[direction]["lagMs"], live["syncLag"]):
        assert 90_000 <= lag < 120_000
    other = PUSH if direction == PULL else PULL
    assert live["directions"][other]["lagMs"] == body[other]["lagMs"] == 0
    assert full_health(take_snapshot())["lagMs"] >= 90_000
    assert (scraped(f'isthmus_lag_seconds{{direction="{direction}"}}') or 0) >= 90
    assert any("lag is" in reason["text"] for reason in live["reasons"])


def test_the_lag_grows_while_the_listener_is_silent() -> None:
    rows.device(seen_at=timezone.now() - ago(minutes=5), queue_size=7)
    live = dashboard.live_figures()
    assert live["syncLag"] >= 300_000
    assert live["silentSince"], "7 pending is what it said five minutes ago"


def test_a_stream_that_is_stopped_on_purpose_does_not_lag() -> None:
    change_switches(enabled=False)
    long_ago = timezone.now() - ago(days=1)
    rows.device(atlas_stream="stopped", atlas_stream_since=long_ago, pull_lag_ms=5_000_000)
    live = dashboard.live_figures()
    assert (live["syncLag"], full_health(take_snapshot())["lagMs"]) == (0, 0), "as health sees it"
    assert live["health"] == "healthy"
    assert scraped(f'isthmus_lag_seconds{{direction="{PULL}"}}') is None, "no alert of what waits on purpose"


def test_without_a_listener_there_is_no_lag_of_zero() -> None:
    assert not Instance.objects.exists()
    live = dashboard.live_figures()
    assert (live["syncLag"], live["directions"][PULL]["lagMs"], metrics()[PUSH]["lagMs"]) == (None,) * 3
    assert full_health(take_snapshot())["lagMs"] is None
    assert scraped(f'isthmus_lag_seconds{{direction="{PUSH}"}}') is None


@pytest.mark.parametrize(
    ("values", "shown"),
    [({}, 273_600.0), ({"sure": False}, None), ({"at": 0.0}, None), ({"seconds": None}, None)],
)
def test_headroom_that_health_does_not_judge_is_not_scraped(
    values: dict[str, Any], shown: float | None
) -> None:
    now = timezone.now().timestamp()
    rows.device(headroom={"local": {**rows.HEADROOM, "at": now, **values}})
    assert scraped('isthmus_oplog_headroom_seconds{side="local"}') == shown


def test_a_counter_of_conflicts_does_not_fall_with_their_records() -> None:
    rows.minute(PULL, succeeded=3, conflicts=2)
    made = rows.conflict({"_id": 1}, {"_id": 1, "x": 1}, winner="local")
    counters = [
        f'isthmus_conflicts_total{{direction="{PULL}"}}',
        'isthmus_conflicts_recorded{winner="local"}',
    ]
    assert [scraped(name) for name in counters] == [2, 1]
    made.delete()  # its keep time is over
    assert [scraped(name) for name in counters] == [2, 0]


def test_a_report_from_before_the_clock_was_set_back_is_not_one_of_now() -> None:
    """A listener that reports corrects it within a second."""
    rows.device(seen_at=timezone.now() + ago(hours=3))
    live = dashboard.live_figures()
    assert (live["health"], live["reasons"][0]["code"]) == ("critical", "listener-silent")
    Instance.objects.update(seen_at=timezone.now() + ago(minutes=1))
    assert dashboard.live_figures()["health"] == "healthy", "another computer's clock"


def test_what_was_counted_before_the_clock_was_set_back_is_not_of_the_last_hour() -> None:
    ahead = ago(hours=-3)
    rows.minute(PULL, ahead, succeeded=5, failed=5, average_ms=5_000)
    rows.processing_times(PULL, {60_000: 10}, ahead)
    found = metrics()
    assert (found[PULL]["avgProcessTime"], found[PULL]["p95ProcessTime"], found[PULL]["failed"]) == (0, 0, 5)
    assert slow_seconds(timezone.now()) == {}


def test_of_many_devices_those_that_are_not_seen_are_scraped() -> None:
    now = timezone.now()
    fleet = [Device(instance_id=f"{n:03}", seen_at=now - ago(seconds=n), copied_at=now) for n in range(120)]
    fleet.append(Device(instance_id="gone", seen_at=now - ago(days=2), copied_at=now))
    Device.objects.bulk_create(fleet)
    found = set(
        re.findall(r'isthmus_device_last_report_timestamp_seconds{device="(.+)"}', exposition().decode())
    )
    assert found == {"gone", *(f"{n:03}" for n in range(99))}


def test_the_colour_of_the_lag_follows_the_rule() -> None:
    rows.device(pull_lag_ms=7_000)
    assert dashboard.live_figures()["directions"][PULL]["lagLevel"] == "degraded"
    operations.set_rule("lag", threshold=60)
    live = dashboard.live_figures()
    assert (live["directions"][PULL]["lagLevel"], live["reasons"]) == ("healthy", [])


# Rates


def test_there_is_one_error_rate() -> None:
    rows.device()
    rows.minute(PULL, succeeded=984, failed=16)
    rows.minute(PUSH, succeeded=1_000, failed=3)
    live = dashboard.live_figures()
    (reason,) = live["reasons"]
    assert reason["text"] == (
        "Atlas → local: 1.6 % of the last hour's changes were rejected, 16 of 1,000 (normal below 1 %, "
        "critical above 5 % if they are 10 or more)"
    )
    assert (live["errorRate"], live["errors"]) == (1.6, {"failed": 16, "processed": 1_000})
    assert dashboard.script_figures()["errorRate"] == 1.6
    assert live["levels"]["errorRate"] == reason["status"] == "degraded"


def test_a_few_rejected_changes_are_no_alarm_and_no_silence() -> None:
    rows.device()
    rows.minute(PUSH, succeeded=2, failed=2)
    live = dashboard.live_figures()
    assert (live["health"], live["errorRate"], live["levels"]["errorRate"]) == ("degraded", 50.0, "degraded")


def test_a_few_slow_changes_are_no_alarm() -> None:
    now = timezone.now().replace(second=30)
    for minutes in (1, 11):
        rows.minute(PULL, ago(minutes=minutes), average_ms=4_000, succeeded=1)
    assert slow_seconds(now) == {}


# The chart


@pytest.mark.parametrize("second", [0, 1, 20, 59])
def test_the_last_point_of_the_chart_is_the_rate_of_now(second: int) -> None:
    """A steady 1.5 changes a second, looked at in any second of a minute."""
    rows.device()
    now = timezone.now().replace(second=second, microsecond=0)
    current = now.replace(second=0)
    for minute, succeeded in ((current - ago(minutes=1), 90), (current, round(1.5 * second))):
        MetricMinute.objects.create(minute=minute, direction=PULL, processed=succeeded, succeeded=succeeded)
    shown: list[dict[str, Any]] = dashboard._minutes(now)[PULL]
    assert len(shown) == dashboard.MINUTES_SHOWN
    assert [point["rate"] for point in shown[-2:]] == pytest.approx([1.5, 1.5], abs=0.02)


def test_the_rate_of_now_falls_to_nothing_within_a_minute() -> None:
    at = dt.datetime(2026, 3, 1, 12, 0, 30, tzinfo=dt.UTC)
    assert figures.rate_now(at, before=90, current=0) == pytest.approx(0.75)
    assert figures.rate_now(at.replace(second=59), before=90, current=0) < 0.03


def test_facts_hold_what_the_rates_are_of() -> None:
    rows.minute(PULL, succeeded=3, failed=1)
    facts = take_snapshot().facts
    assert (facts.pull.failed, facts.pull.processed, facts.pull.error_share) == (1, 4, 0.25)
