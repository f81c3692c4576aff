"""Keeps the tables of metrics small: totals must not change, so old minutes are rolled up into days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Sum
from django.db.models.functions import TruncDay
from django.utils import timezone

from monitoring.figures import COUNTERS
from syncapp.conf.settings import get_settings
from syncapp.models import MetricMinute, ProcessingTime

SUMS = (*COUNTERS, "conflicts", "merged", "time_ms")


@transaction.atomic
def fold_old_minutes(now: datetime | None = None) -> tuple[int, int]:
    """Returns the numbers of rows rolled up into days, and of removed histogram rows.

    Each day that is completely older than SYNC_KEEP_METRICS_DAYS becomes one row per direction, at its midnight. The histogram of
    processing times is only needed for the last hour: old rows are removed.
    """
    keep = timedelta(days=get_settings().sync_keep_metrics_days)
    edge = ((now or timezone.now()) - keep).replace(hour=0, minute=0, second=0, microsecond=0)
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
    times, _ = ProcessingTime.objects.filter(minute__lt=edge).delete()
    return max(0, removed - len(days)), times
