"""Keeps the tables of metrics small. Totals must not change, so what is old is rolled up: minutes into hours after two days;
after a week counters into days, and everything else, of which only the totals are shown, into one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Aggregate, Max, Model, Sum
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from monitoring.figures import COUNTERS
from syncapp.conf.settings import get_settings
from syncapp.models import LagTime, Mark, MetricMinute, ProcessingTime, StateMinute

KEEP_MINUTES = timedelta(days=2)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Table:
    """`keys`: what rows of one time differ in. `days`: kept by day for ever."""

    model: type[Model]
    keys: tuple[str, ...]
    values: Mapping[str, type[Aggregate]]
    days: bool = False


def _sums(*names: str) -> dict[str, type[Aggregate]]:
    return dict.fromkeys(names, Sum)


TABLES = (
    Table(
        MetricMinute,
        ("direction",),
        {**_sums(*COUNTERS, "conflicts", "merged", "time_ms"), "last_event_at": Max},
        days=True,
    ),
    Table(ProcessingTime, ("direction", "upper_ms"), _sums("count")),
    Table(LagTime, ("direction", "upper_ms"), _sums("count")),
    Table(
        StateMinute, (), {**_sums("samples", "queue_sum", "pull_lag_ms", "push_lag_ms"), "queue_highest": Max}
    ),
)


def fold_old_minutes(now: datetime | None = None) -> int:
    """Returns by how many rows the tables have become smaller."""
    now = now or timezone.now()
    days = rolled_up_before(now)
    hours = max(days, _midnight(now - KEEP_MINUTES))
    with transaction.atomic():
        saved = sum(_fold(table, hours, days) for table in TABLES)
        Mark.objects.filter(at__lt=days).exclude(kind=Mark.Kind.VERSION).delete()
    return saved


def rolled_up_before(now: datetime) -> datetime:
    """What is older is kept by the day, or as a total."""
    return _midnight(now - timedelta(days=get_settings().sync_keep_metrics_days))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _fold(table: Table, hours: datetime, days: datetime) -> int:
    rows: Any = table.model._default_manager
    recent = rows.filter(minute__gte=days, minute__lt=hours).annotate(to=TruncHour("minute"))
    oldest = rows.filter(minute__lt=days)
    if table.days:
        oldest = oldest.annotate(to=TruncDay("minute"))
    made = [*_rolled(table, recent, by_time=True), *_rolled(table, oldest, by_time=table.days)]
    removed, _ = rows.filter(minute__lt=hours).delete()
    rows.bulk_create(made)
    return int(removed - len(made))


def _rolled(table: Table, rows: Any, *, by_time: bool) -> list[Model]:
    keys = (*table.keys, *(("to",) if by_time else ()))
    values = {f"all_{name}": aggregate(name) for name, aggregate in table.values.items()}
    found: Any = rows.order_by()
    groups = list(found.values(*keys).annotate(**values)) if keys else [found.aggregate(**values)]
    return [
        table.model(
            minute=group.get("to", BEGINNING),
            **{name: group[name] for name in table.keys},
            **{name: group[f"all_{name}"] for name in table.values},
        )
        for group in groups
        if any(group[name] is not None for name in values)
    ]
