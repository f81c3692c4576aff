"""Figures from the rows that the listener writes; facts for health; folding of old minutes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitoring import figures
from monitoring.facts import slow_seconds, take_snapshot
from monitoring.folding import fold_old_minutes
from syncapp.mirror.waiting import waiting
from syncapp.models import MetricMinute, ProcessingTime
from syncapp.models.choices import Direction
from syncapp.services.switches import change_switches
from tests.support import rows

pytestmark = pytest.mark.django_db
PULL, PUSH = Direction.ATLAS_TO_LOCAL, Direction.LOCAL_TO_ATLAS


def ago(**length: float) -> dt.timedelta:
    return dt.timedelta(**length)


def test_totals_are_apart_for_each_direction_and_add_up() -> None:
    rows.minute(PULL, succeeded=3, failed=1, skipped=2)
    rows.minute(PULL, ago(days=3), succeeded=10)
    rows.minute(PUSH, succeeded=7)
    ever = figures.totals()
    assert (ever[PULL].processed, ever[PULL].succeeded, ever[PULL].failed, ever[PULL].skipped) == (
        16,
        13,
        1,
        2,
    )
    assert ever[PUSH].processed == 7
    together = figures.together(ever)
    assert together.processed == together.succeeded + together.failed + together.skipped == 23


def test_a_window_leaves_out_what_is_older() -> None:
    rows.minute(PULL, succeeded=3)
    rows.minute(PULL, ago(hours=2), succeeded=10)
    assert figures.totals(timezone.now() - figures.HOUR)[PULL].succeeded == 3


def test_averages_and_shares_of_nothing_are_zero() -> None:
    nothing = figures.totals()[PULL]
    assert (nothing.average_ms, nothing.error_share, nothing.last_event_at) == (0, 0, None)


def test_percentiles_sum_the_minutes_of_the_window() -> None:
    rows.processing_times(PULL, {10: 50})
    rows.processing_times(PULL, {10: 40, 100: 10}, ago(minutes=5))
    rows.processing_times(PULL, {60_000: 1_000}, ago(hours=3))
    p90, p99 = figures.percentiles(timezone.now() - figures.HOUR, 0.9, 0.99)[PULL]
    assert p90 == pytest.approx(10)
    assert 50 < p99 < 100


def test_what_one_way_sync_overwrites_is_no_conflict_of_the_last_hour() -> None:
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1})
    rows.conflict({"_id": 2}, {"_id": 2, "x": 1}, winner="local", one_way=True)
    rows.conflict({"_id": 3}, {"_id": 3, "x": 1}, ago=ago(hours=2))
    now = timezone.now()
    assert figures.conflicts_last_hour(now) == 1
    assert figures.conflict_totals(now).total == 3


def test_the_numbers_of_conflicts_come_from_an_index_alone() -> None:
    """Each row holds up to four documents: reading them took a scrape longer than everything else."""
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1}, winner="atlas")
    rows.conflict({"_id": 2}, {"_id": 2, "x": 1}, winner="local")
    rows.conflict({"_id": 3}, {"_id": 3, "x": 1}, winner="local", merged=True)
    rows.conflict({"_id": 4}, {"_id": 4, "x": 1}, winner="local", one_way=True)
    rows.conflict({"_id": 5}, {"_id": 5, "x": 1}, winner="merged")
    rows.conflict({"_id": 6}, {"_id": 6, "x": 1}, winner="open")
    for one_way_too, one_way in ((True, 1), (False, 0)):
        with CaptureQueriesContext(connection) as queries:
            found = figures.conflict_totals(timezone.now(), one_way_too=one_way_too)
        assert (found.total, found.local_wins, found.atlas_wins, found.merged) == (
            5 + one_way,
            1 + one_way,
            1,
            1,
        )
        if connection.vendor != "sqlite":  # others say it in other words, and choose by what the table holds
            continue
        counting = next(one["sql"] for one in queries.captured_queries if "GROUP BY" in one["sql"])
        assert_an_index_is_enough(counting)


def test_the_number_of_waiting_conflicts_comes_from_an_index_alone() -> None:
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1}, winner="open")
    rows.conflict({"_id": 2}, {"_id": 2, "x": 1}, winner="open", resolved_at=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        assert waiting().count() == 1
    if connection.vendor == "sqlite":
        assert_an_index_is_enough(queries.captured_queries[0]["sql"])


def assert_an_index_is_enough(query: str) -> None:
    with connection.cursor() as cursor:
        plan = cursor.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert all("USING COVERING INDEX" in str(step) or "TEMP B-TREE" in str(step) for step in plan), plan


def test_slowness_lasts_from_the_first_to_the_last_slow_minute() -> None:
    now = timezone.now()
    for n in range(10):
        rows.minute(PULL, ago(minutes=n), average_ms=600, succeeded=1)
    rows.minute(PUSH, ago(minutes=12), average_ms=600, succeeded=10)
    assert slow_seconds(now) == {PULL: 600, PUSH: 60}


def test_one_quick_minute_ends_slowness() -> None:
    now = timezone.now()
    rows.minute(PULL, ago(minutes=0), average_ms=600, succeeded=10)
    rows.minute(PULL, ago(minutes=1), average_ms=20, succeeded=1)
    rows.minute(PULL, ago(minutes=2), average_ms=600, succeeded=1)
    assert slow_seconds(now) == {PULL: 60}


def test_without_any_row_health_is_critical_and_says_why() -> None:
    snapshot = take_snapshot()
    assert snapshot.health.status == "critical"
    assert "has not reported yet" in snapshot.health.reasons[0].text
    assert snapshot.atlas_stream == "disconnected"


def test_a_listener_that_reports_makes_it_healthy() -> None:
    change_switches(enabled=True)
    rows.device()
    assert take_snapshot().health.status == "healthy"


def test_the_stream_of_a_silent_listener_is_disconnected_whatever_it_said() -> None:
    rows.device(seen_at=timezone.now() - ago(seconds=20))
    assert take_snapshot().atlas_stream == "disconnected"


def test_reading_health_writes_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        take_snapshot()
    assert not [q["sql"] for q in queries if not q["sql"].startswith("SELECT")]


def test_folding_keeps_every_total() -> None:
    for days in (0, 6, 9, 9, 10):
        for n in range(2):
            minutes = MetricMinute.objects.count()
            rows.minute(PULL, ago(days=days, minutes=minutes), succeeded=5, failed=n, skipped=1)
    for days in (0, 3, 9, 11):
        for minutes in (0, 1):
            rows.processing_times(PULL, {10: 5, 50: 1}, ago(days=days, minutes=minutes))
    times = ProcessingTime.objects.order_by("upper_ms").values_list("upper_ms").annotate(Sum("count"))
    before, times_before = figures.totals(), list(times)
    fold_old_minutes()
    assert figures.totals() == before
    assert MetricMinute.objects.count() < 10
    assert list(times.all()) == times_before == [(10, 40), (50, 8)]
    assert ProcessingTime.objects.count() <= 10, (
        "this minute's, one or two hours', and one row a bound for all before"
    )
    left = MetricMinute.objects.count()
    assert fold_old_minutes() == 0, "folding twice changes nothing"
    assert (MetricMinute.objects.count(), figures.totals()) == (left, before)
