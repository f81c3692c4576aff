"""The series and marks of the live page's charts; and what the listener writes for them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import re
from typing import Any

import pytest
from django.utils import timezone

from monitoring import folding
from monitoring.folding import BEGINNING, fold_old_minutes
from monitoring.history import SPANS, history
from monitoring.marks import LONGEST, marks
from monitoring.prometheus import exposition
from syncapp.apply.messages import Report
from syncapp.conf.settings import BASE_DIR, get_settings
from syncapp.core.scratch import scratch_name
from syncapp.core.values import Side
from syncapp.core.version import VERSION
from syncapp.listener.telemetry.marks import note_halts, note_start
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.listener.telemetry.samples import Samples
from syncapp.models import AuditEntry, CollectionMetric, Instance, LagTime, Mark, MetricMinute, StateMinute
from syncapp.models.choices import Direction
from syncapp.models.metrics import MOST_COLLECTIONS, OTHER, UNBOUNDED
from tests.support import rows

pytestmark = pytest.mark.django_db
PULL, PUSH = Direction.ATLAS_TO_LOCAL, Direction.LOCAL_TO_ATLAS
NOON = dt.datetime(2026, 3, 1, 12, 0, 30, tzinfo=dt.UTC)


def counted(at: dt.datetime, **counts: int) -> None:
    MetricMinute.objects.create(minute=at.replace(second=0), direction=PULL, **counts)


def seen(at: dt.datetime, *queues: int, pull_ms: int = 0, push_ms: int = 0) -> None:
    """The listener looks once a second."""
    samples = Samples()
    for number, queue in enumerate(queues):
        samples.look(at.replace(second=number), queue, {Side.ATLAS: pull_ms, Side.LOCAL: push_ms})
    samples.write()


def ago(**length: float) -> dt.datetime:
    return NOON - dt.timedelta(**length)


@pytest.mark.parametrize(("span", "step"), [("hour", 60), ("day", 600), ("week", 3_600)])
def test_each_span_has_its_points_and_nothing_is_none_where_nobody_reported(span: str, step: int) -> None:
    found = history(span, NOON, None)
    assert (found["step"], len(found["at"])) == (step, SPANS[span].points)
    assert found["at"][-1] <= NOON.timestamp() < found["at"][-1] + step
    assert found["throughput"][PULL] == [None] * SPANS[span].points, "nor is it a standstill now"
    assert (
        set(found["conflicts"]) == set(found["lag"][PUSH]["p99"]) == set(found["headroom"]["atlas"]) == {None}
    )


def test_what_was_counted_is_in_its_point() -> None:
    counted(ago(minutes=5), succeeded=120, failed=2, conflicts=3)
    found = history("hour", NOON, None)
    assert (found["throughput"][PULL][-6], found["rejected"][-6], found["conflicts"][-6]) == (2, 2, 3)
    assert history("day", NOON, None)["throughput"][PULL][-2] == 0.2
    assert history("week", NOON, None)["conflicts"][-2] == 3


def test_the_last_point_is_the_rate_of_the_last_minute() -> None:
    counted(ago(minutes=1), succeeded=120)
    counted(NOON, succeeded=60)
    assert history("hour", NOON, None)["throughput"][PULL][-2:] == [2, 2]


def test_queue_and_lag_are_as_the_listener_saw_them() -> None:
    seen(ago(minutes=3), 10, 30, 20, pull_ms=40, push_ms=70_000)
    found = history("hour", NOON, None)
    assert (found["pending"]["highest"][-4], found["pending"]["average"][-4]) == (30, 20)
    assert 0.01 < found["lag"][PULL]["p50"][-4] <= 0.05
    assert 60 < found["lag"][PUSH]["p99"][-4] <= 300
    assert found["throughput"][PUSH][-4] == 0, "it was there, and nothing was to be done"


def test_the_last_point_is_what_the_listener_reports_now() -> None:
    now = timezone.now()
    device = rows.device(queue_size=9, pull_lag_ms=1_500)
    found = history("hour", now, device)
    assert (found["pending"]["highest"][-1], found["lag"][PULL]["p95"][-1]) == (9, 1.5)
    silent = history("hour", now + dt.timedelta(minutes=2), device)
    assert (silent["pending"]["highest"][-1], silent["lag"][PULL]["p95"][-1]) == (None, None)


def test_a_listener_that_has_nothing_to_do_stands_still_now() -> None:
    now = timezone.now()
    assert history("hour", now, rows.device())["throughput"][PUSH][-1] == 0


def test_a_stream_that_is_stopped_on_purpose_has_no_lag_now() -> None:
    device = rows.device(atlas_stream="stopped", pull_lag_ms=5_000_000)
    found = history("hour", timezone.now(), device)["lag"]
    assert (found[PULL]["p50"][-1], found[PUSH]["p50"][-1]) == (None, 0)


# How long each side may be away


def lasting(*past: tuple[dt.datetime, int], **values: Any) -> Instance:
    """As the listener mirrors it: the forecast of now, and those of before."""
    now = {**rows.HEADROOM, "at": NOON.timestamp(), **values}
    points = [[int(at.timestamp()), seconds] for at, seconds in past]
    return rows.device(seen_at=NOON, headroom={"atlas": {**now, "past": points}, "local": now})


def test_headroom_is_the_lowest_forecast_of_each_point_where_a_listener_was() -> None:
    for minutes in (20, 25, 50):
        seen(ago(minutes=minutes), 1)
    quarter = NOON.replace(minute=45, hour=11, second=0), 9_000
    hour = NOON.replace(hour=11, minute=0, second=0), 7_000
    device = lasting((NOON.replace(hour=10, minute=0, second=0), 5_000), hour, quarter)
    found = history("hour", NOON, device)["headroom"]["atlas"]
    assert (found[-21], found[-26], found[-51], found[-50]) == (7_000, 7_000, 7_000, None)
    assert found[-1] == rows.HEADROOM["seconds"], "as the cards show it"
    assert history("day", NOON, device)["headroom"]["atlas"][-3:] == [7_000, None, rows.HEADROOM["seconds"]]
    assert history("week", NOON, device)["headroom"]["local"] == [None] * 167 + [rows.HEADROOM["seconds"]]


@pytest.mark.parametrize("values", [{"seconds": None}, {"at": NOON.timestamp() - 1_000}])
def test_an_old_or_unknown_headroom_is_not_that_of_now(values: dict[str, Any]) -> None:
    assert history("hour", NOON, lasting(**values))["headroom"]["atlas"][-1] is None


@pytest.mark.parametrize("span", list(SPANS))
def test_the_tail_is_the_end_of_the_whole(span: str) -> None:
    for minutes in (0, 1, 7, 70, 500):
        counted(ago(minutes=minutes), succeeded=60, conflicts=1)
        seen(ago(minutes=minutes), 5, pull_ms=30)
    device = lasting((ago(hours=3), 8_000), (ago(minutes=30), 7_000))
    whole, tail = history(span, NOON, device), history(span, NOON, device, tail=True)
    assert len(tail["at"]) == 2
    for name in ("at", "conflicts", "rejected"):
        assert tail[name] == whole[name][-2:]
    for name in ("throughput", "pending", "headroom"):
        assert {key: values[-2:] for key, values in whole[name].items()} == tail[name]
    assert tail["lag"][PULL]["p50"] == whole["lag"][PULL]["p50"][-2:]


def test_two_listeners_of_one_minute_add_up() -> None:
    seen(NOON, 8)
    seen(NOON, 5, 5)
    row = StateMinute.objects.get()
    assert (row.samples, row.queue_sum, row.queue_highest) == (3, 18, 8)
    assert sum(LagTime.objects.filter(direction=PUSH).values_list("count", flat=True)) == 3


def test_a_lag_of_months_is_counted_too() -> None:
    """A device, or Atlas, was away for longer than the last bound says: nothing more would be recorded until it is back."""
    seen(NOON, 1, pull_ms=90 * 86_400_000)
    assert LagTime.objects.get(direction=PULL).upper_ms == UNBOUNDED


def test_a_minute_is_written_when_it_is_over() -> None:
    samples = Samples()
    samples.look(NOON, 1, {Side.LOCAL: 0})
    assert not StateMinute.objects.exists()
    samples.look(NOON + dt.timedelta(seconds=31), 7, {Side.LOCAL: 0})
    assert StateMinute.objects.get().queue_highest == 1
    assert set(LagTime.objects.values_list("direction", flat=True)) == {PUSH}, "only of what is read"


def test_folding_keeps_what_a_week_shows() -> None:
    for hours in (1, 60, 100):
        counted(ago(hours=hours), succeeded=3_600)
        seen(ago(hours=hours), 4, 6, pull_ms=30)
        seen(ago(hours=hours, minutes=-1), 9, pull_ms=30)
    counted(ago(days=9), succeeded=7)
    seen(ago(days=9), 5, pull_ms=30)
    before = history("week", NOON, None)
    fold_old_minutes(NOON)
    assert history("week", NOON, None) == before
    assert StateMinute.objects.get(minute=BEGINNING).queue_sum == 5
    assert LagTime.objects.filter(minute=BEGINNING, direction=PULL).count() == 1


def test_a_day_that_was_rolled_up_is_no_hour_of_the_week(monkeypatch: pytest.MonkeyPatch) -> None:
    short = dataclasses.replace(get_settings(), sync_keep_metrics_days=2)
    monkeypatch.setattr(folding, "get_settings", lambda: short)
    for hours in range(1, 100):
        counted(ago(hours=hours), succeeded=3_600)
    fold_old_minutes(NOON)
    rates = history("week", NOON, None)["throughput"][PULL]
    assert [rate for rate in rates if rate is not None] == [1.0] * 60
    assert sum(MetricMinute.objects.values_list("succeeded", flat=True)) == 99 * 3_600


def test_counters_never_fall_when_their_rows_are_rolled_up() -> None:
    """Not even in the last digit of a sum: Prometheus takes the whole sum for an increase then."""
    draw = random.Random(7)
    for day in range(3, 20):
        MetricMinute.objects.bulk_create(
            MetricMinute(
                minute=ago(days=day, minutes=n).replace(second=0),
                direction=PULL,
                time_ms=draw.random() * 1_000,
            )
            for n in range(40)
        )
        before = summed()
        fold_old_minutes(NOON)
        assert summed() == before, day


def summed() -> str:
    return re.findall(
        r'^isthmus_processing_seconds_sum{direction="atlasToLocal"} (.+)$', exposition().decode(), re.M
    )[0]


# Marks


def test_a_start_another_version_and_a_halt_are_marked_once() -> None:
    Mark.objects.create(key="old", kind="version", at=ago(days=9), text="Version 0.0.1")
    halt = rows.halt()
    for _ in range(2):
        note_start(NOON, "till:1")
        note_halts([halt])
    note_start(NOON + dt.timedelta(minutes=1), "till:2")
    found = [(one["kind"], one["text"]) for one in marks(ago(days=1), details=True)]
    assert sorted(found) == [
        ("halt", "Halted: 900 of 1,000 documents were deleted"),
        ("start", "Listener started (till:1)"),
        ("start", "Listener started (till:2)"),
        ("version", f"Version {VERSION}"),
    ]


def test_alerts_and_changes_are_marks_with_details_for_who_may_see_the_audit_log() -> None:
    rows.alert()
    rows.alert(code="lag", about="", severity="warning")
    AuditEntry.objects.create(action="set enabled", detail="enabled: off → on")
    AuditEntry.objects.create(action="retry rejected changes", detail="2 documents")
    since = timezone.now() - dt.timedelta(hours=1)
    texts = [one["text"] for one in marks(since, details=True)]
    assert len(texts) == 2
    assert texts[0].startswith("Alert change-stream (atlas): The Atlas change stream")
    assert texts[1] == "Changed: set enabled (enabled: off → on)"
    assert [one["text"] for one in marks(since, details=False)][1] == "Changed: set enabled"


def test_a_mark_that_is_too_long_says_so() -> None:
    rows.alert(message=f"Type `manage.py sync_halts` {'x' * 300}")
    (one,) = marks(ago(days=1), details=True)
    assert one["text"].startswith("Alert change-stream (atlas): Type manage.py sync_halts xxx")
    assert (len(one["text"]), one["text"][-1]) == (LONGEST, "…")


def test_the_version_is_that_of_the_project() -> None:
    assert f'\nversion = "{VERSION}"\n' in (BASE_DIR / "pyproject.toml").read_text()


# By collection


def report(collection: str, **counts: int) -> Report:
    said = {name.replace("_", " "): number for name, number in counts.items()}
    return Report("t", Side.LOCAL, counts=said, collection=collection)


def test_only_so_many_collections_have_counters_of_their_own() -> None:
    for number in range(MOST_COLLECTIONS + 10):
        buffer = MetricsBuffer()
        buffer.add(report(f"c{number:03}", atlas_insert=2, local_failed=1))
        buffer.take().flush()
    names = set(CollectionMetric.objects.values_list("collection", flat=True))
    assert len(names) == MOST_COLLECTIONS + 1
    assert CollectionMetric.objects.get(collection=OTHER, direction=PUSH).inserts == 20
    assert CollectionMetric.objects.get(collection="c000", direction=PULL).failed == 1
    assert sum(CollectionMetric.objects.values_list("inserts", flat=True)) == 2 * (MOST_COLLECTIONS + 10)


@pytest.mark.parametrize("name", [scratch_name("0" * 12, "load", 1), "", "é" * 300])
def test_what_gets_no_counter_of_its_own(name: str) -> None:
    buffer = MetricsBuffer()
    buffer.add(report(name, atlas_insert=1))
    buffer.take().flush()
    assert CollectionMetric.objects.get().collection == OTHER


def test_a_name_with_a_line_break_is_one_line() -> None:
    buffer = MetricsBuffer()
    buffer.add(report("a\nb", atlas_insert=1))
    buffer.take().flush()
    assert CollectionMetric.objects.get().collection == r"a\nb"
