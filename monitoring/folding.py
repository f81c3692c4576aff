"""Keeps the tables of metrics small. Totals must not change, so what is old is rolled up: counters into days, histograms
into hours after two days and into one row after a week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Sum
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from monitoring.figures import COUNTERS
from syncapp.models import LagTime, Mark, MetricMinute, ProcessingTime, StateMinute
from syncapp.models.metrics import Histogram

KEEP_MINUTES = timedelta(days=7)
KEEP_TIMES = timedelta(days=2)  # a histogram has up to 17 rows for a minute and direction
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SUMS = (*COUNTERS, "conflicts", "time_ms")
STATE_SUMS = ("samples", "queue_sum", "pull_lag_ms", "push_lag_ms")


def fold_old_minutes(now: datetime | None = None) -> tuple[int, int]:
    """Returns the numbers of rows that rolling up has saved: of counters, of histograms."""
    now = now or timezone.now()
    with transaction.atomic():
        edge = _midnight(now - KEEP_MINUTES)
        minutes = _fold_counters(edge)
        times = sum(
            _fold_histogram(model, edge, _midnight(now - KEEP_TIMES)) for model in (ProcessingTime, LagTime)
        )
        _fold_states(edge)
        Mark.objects.filter(at__lt=edge).exclude(kind=Mark.Kind.VERSION).delete()
    return minutes, times


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _fold_counters(edge: datetime) -> int:
    """Each day that is completely older than a week becomes one row per direction, at its midnight."""
    old = MetricMinute.objects.filter(minute__lt=edge)
    days: list[Any] = list(
        old.order_by()
        .annotate(day=TruncDay("minute"))
        .values("day", "direction")
        .annotate(last=Max("last_event_at"), **{f"sum_{name}": Sum(name) for name in SUMS})
    )
    removed, _ = old.delete()
    MetricMinute.objects.bulk_create(
        MetricMinute(
            minute=day["day"],
            direction=day["direction"],
            last_event_at=day["last"],
            **{name: day[f"sum_{name}"] for name in SUMS},
        )
        for day in days
    )
    return max(0, removed - len(days))


def _fold_histogram(model: type[Histogram], week: datetime, two_days: datetime) -> int:
    rows: Any = model._default_manager
    older = rows.filter(minute__gte=week, minute__lt=two_days).annotate(to=TruncHour("minute"))
    hours = list(older.order_by().values("to", "direction", "upper_ms").annotate(number=Sum("count")))
    oldest = rows.filter(minute__lt=week)
    ever = list(oldest.order_by().values("direction", "upper_ms").annotate(number=Sum("count")))
    removed, _ = rows.filter(minute__lt=two_days).delete()
    made = [
        model(
            minute=one.get("to", BEGINNING),
            direction=one["direction"],
            upper_ms=one["upper_ms"],
            count=one["number"],
        )
        for one in (*ever, *hours)
    ]
    rows.bulk_create(made)
    return max(0, removed - len(made))


def _fold_states(edge: datetime) -> None:
    """What is older than a week becomes one row."""
    old = StateMinute.objects.filter(minute__lt=edge)
    sums = old.aggregate(queue_highest=Max("queue_highest"), **{name: Sum(name) for name in STATE_SUMS})
    old.delete()
    if sums["samples"]:
        StateMinute.objects.create(minute=BEGINNING, **sums)
