"""The one place that computes figures from what the listener reports: one aggregate query each.

Health, API, dashboard, commands and Prometheus all show these, so that they never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from monitoring.percentiles import percentile
from syncapp.models import ComparisonRun, Conflict, Instance, MetricMinute, ProcessingTime
from syncapp.models.choices import Direction

HOUR = timedelta(hours=1)
COUNTERS = ("processed", "succeeded", "failed", "skipped", "inserts", "updates", "replaces", "deletes")


@dataclass(frozen=True)
class DirectionTotals:
    """Changes of one direction since the first start, or since a time. `time_ms` is a sum."""

    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    inserts: int = 0
    updates: int = 0
    replaces: int = 0
    deletes: int = 0
    time_ms: float = 0.0
    last_event_at: datetime | None = None

    @property
    def average_ms(self) -> float:
        return self.time_ms / self.processed if self.processed else 0.0

    @property
    def error_share(self) -> float:
        """Rejected changes among those that were processed: 0 to 1."""
        return self.failed / self.processed if self.processed else 0.0


@dataclass(frozen=True)
class ConflictTotals:
    total: int
    local_wins: int
    atlas_wins: int
    merged: int
    waiting: int  # for a person
    last_hour: int


def totals(since: datetime | None = None) -> dict[Direction, DirectionTotals]:
    rows = MetricMinute.objects.order_by()
    if since is not None:
        # A row stands for a whole minute: the one in which the window begins belongs to it
        rows = rows.filter(minute__gte=since.replace(second=0, microsecond=0))
    sums = {name: Sum(name) for name in (*COUNTERS, "time_ms")}
    found = rows.values("direction").annotate(last_event_at=Max("last_event_at"), **sums)
    by_direction = {row["direction"]: row for row in found}
    return {direction: _totals(by_direction.get(direction, {})) for direction in Direction}


def _totals(row: Mapping[str, Any]) -> DirectionTotals:
    return DirectionTotals(**{name: value for name, value in row.items() if name != "direction"})


def together(parts: dict[Direction, DirectionTotals]) -> DirectionTotals:
    """Both directions as one."""
    sums = {name: sum(getattr(part, name) for part in parts.values()) for name in (*COUNTERS, "time_ms")}
    times = [part.last_event_at for part in parts.values() if part.last_event_at]
    return DirectionTotals(**sums, last_event_at=max(times, default=None))


def percentiles(since: datetime, *shares: float) -> dict[Direction, tuple[float, ...]]:
    """Processing times in milliseconds that these shares of the changes since then stayed below."""
    rows = (
        ProcessingTime.objects.filter(minute__gte=since.replace(second=0, microsecond=0))
        .order_by()
        .values_list("direction", "upper_ms")
        .annotate(Sum("count"))
    )
    counts: dict[str, dict[int, int]] = {direction: {} for direction in Direction}
    for direction, upper_ms, count in rows:
        counts[direction][upper_ms] = count
    return {d: tuple(percentile(counts[d], share) for share in shares) for d in Direction}


def conflict_totals(now: datetime, *, one_way_too: bool = True) -> ConflictTotals:
    rows = Conflict.objects.all() if one_way_too else Conflict.objects.filter(one_way=False)
    found = rows.aggregate(
        total=Count("id"),
        local_wins=Count("id", filter=Q(winner="local")),
        atlas_wins=Count("id", filter=Q(winner="atlas")),
        merged=Count("id", filter=Q(winner="merged")),
        waiting=Count("id", filter=Q(winner="open", resolved_at=None)),
        last_hour=Count("id", filter=Q(at__gt=now - HOUR)),
    )
    return ConflictTotals(**found)


def conflicts_last_hour(now: datetime) -> int:
    """Conflicts that two-way sync met. While one-way, local wins on purpose: that alarms nobody."""
    return Conflict.objects.filter(at__gt=now - HOUR, one_way=False).count()


def unfinished_runs() -> QuerySet[ComparisonRun]:
    """Comparisons that wait or are under way."""
    return ComparisonRun.objects.filter(state__in=(ComparisonRun.State.WAITING, ComparisonRun.State.RUNNING))


def device() -> Instance | None:
    """This device as its listener last reported. None: no listener ever ran."""
    return Instance.objects.order_by(F("seen_at").desc(nulls_last=True), "-id").first()


def lag_ms(instance: Instance | None, direction: Direction) -> int:
    """Age of the oldest change that has not arrived yet."""
    if instance is None:
        return 0
    return instance.pull_lag_ms if direction == Direction.ATLAS_TO_LOCAL else instance.push_lag_ms
