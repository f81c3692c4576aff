"""The one place that computes figures from the listener's reports: one aggregate query each.

Health, API, dashboard, commands and Prometheus all use these, so that they agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils import timezone

from monitoring.percentiles import percentile
from syncapp.core.rule.policy import BY_AN_ANSWER
from syncapp.core.strategies.callable import FAILED
from syncapp.mirror.waiting import waiting
from syncapp.models import ComparedCollection, ComparisonRun, Conflict, Instance, MetricMinute, ProcessingTime
from syncapp.models.choices import Direction

HOUR = timedelta(hours=1)
SILENT = timedelta(seconds=15)  # a working listener reports each second
AHEAD_S = 300.0  # that the clocks of two computers may be apart
UNREAD = (Instance.Stream.CONNECTING, Instance.Stream.DISCONNECTED)
COUNTERS = ("processed", "succeeded", "failed", "skipped", "inserts", "updates", "replaces", "deletes")
SUMS = (*COUNTERS, "conflicts", "time_ms")


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
    conflicts: int = 0
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
    merged: int  # by a strategy, most of which lost nothing and have no record; or by a person
    waiting: int  # open: they need manual resolution
    last_hour: int


def totals(since: datetime | None = None) -> dict[Direction, DirectionTotals]:
    rows = MetricMinute.objects.order_by()
    if since is not None:
        rows = rows.filter(minute__range=window(since))
    sums = {name: Sum(name) for name in SUMS}
    found = rows.values("direction").annotate(last_event_at=Max("last_event_at"), **sums)
    by_direction = {row["direction"]: row for row in found}
    return {direction: _totals(by_direction.get(direction, {})) for direction in Direction}


def window(since: datetime) -> tuple[datetime, datetime]:
    """Up to now. A row covers a whole minute: the one in which it begins is included. What lies further ahead was written before the
    clock was set back."""
    return since.replace(second=0, microsecond=0), timezone.now() + timedelta(seconds=AHEAD_S)


def _totals(row: Mapping[str, Any]) -> DirectionTotals:
    return DirectionTotals(**{name: value for name, value in row.items() if name != "direction"})


def together(parts: dict[Direction, DirectionTotals]) -> DirectionTotals:
    """Both directions as one."""
    sums = {name: sum(getattr(part, name) for part in parts.values()) for name in SUMS}
    times = [part.last_event_at for part in parts.values() if part.last_event_at]
    return DirectionTotals(**sums, last_event_at=max(times, default=None))


def percentiles(since: datetime, *shares: float) -> dict[Direction, tuple[float, ...]]:
    """Quantiles of the processing times since then, in milliseconds."""
    rows = (
        ProcessingTime.objects.filter(minute__range=window(since))
        .order_by()
        .values_list("direction", "upper_ms")
        .annotate(Sum("count"))
    )
    counts: dict[str, dict[int, int]] = {direction: {} for direction in Direction}
    for direction, upper_ms, count in rows:
        counts[direction][upper_ms] = count
    return {d: tuple(percentile(counts[d], share) for share in shares) for d in Direction}


def conflict_totals(now: datetime, *, one_way_too: bool = True) -> ConflictTotals:
    rows = Conflict.objects.order_by() if one_way_too else Conflict.objects.order_by().filter(one_way=False)
    # By these fields alone: an index has them, and the documents, which are large, are not read
    counts = Counter({(w, m): n for w, m, n in rows.values_list("winner", "merged").annotate(Count("id"))})
    # Most merges lose nothing, and leave no record
    unrecorded = MetricMinute.objects.aggregate(number=Sum("merged"))["number"] or 0
    return ConflictTotals(
        total=counts.total(),
        local_wins=counts["local", False],
        atlas_wins=counts["atlas", False],
        merged=counts["merged", False] + counts["merged", True] + unrecorded,
        waiting=waiting().count(),
        last_hour=conflicts_last_hour(now),
    )


def conflicts_last_hour(now: datetime) -> int:
    """Conflicts of two-way sync. While one-way, local wins on purpose: these do not count; nor do those
    decided by an operator's answer, at the first run or after a restore."""
    return conflicts_since(now - HOUR).count()


def conflicts_since(since: datetime) -> QuerySet[Conflict]:
    """The same after this moment."""
    return Conflict.objects.filter(_met_since(since))


def resolver_failures(since: datetime) -> int:
    """Conflicts for which an operator's function failed, so that another strategy decided."""
    return Conflict.objects.filter(at__gt=since, strategy__startswith=FAILED).count()


def _met_since(since: datetime) -> Q:
    answered = Q()
    for beginning in BY_AN_ANSWER:
        answered |= Q(strategy__startswith=beginning)
    return Q(at__gt=since, one_way=False) & ~answered


def unfinished_runs() -> QuerySet[ComparisonRun]:
    """Waiting or running comparisons."""
    return ComparisonRun.objects.filter(state__in=(ComparisonRun.State.WAITING, ComparisonRun.State.RUNNING))


def differing_collections() -> QuerySet[ComparedCollection]:
    """Those in which the last comparison found differences that it did not repair, most first."""
    return ComparedCollection.objects.filter(differing__gt=0)


def paused_runs() -> QuerySet[ComparisonRun]:
    """Comparisons that an operator has paused."""
    return ComparisonRun.objects.filter(state=ComparisonRun.State.PAUSED)


def device() -> Instance | None:
    """This device as last reported by its listener. None: no listener ever ran."""
    return Instance.objects.order_by(F("seen_at").desc(nulls_last=True), "-id").first()


def is_read(instance: Instance, direction: Direction) -> bool:
    """Whether changes of this direction are to be transferred: its stream is not stopped on purpose."""
    pull = direction == Direction.ATLAS_TO_LOCAL
    return (instance.atlas_stream if pull else instance.local_stream) != Instance.Stream.STOPPED


def lag_ms(instance: Instance | None, direction: Direction, now: datetime) -> int | None:
    """Age of the oldest change that may not have arrived yet. None: no listener has reported yet.

    While a stream is not connected, or the listener does not report, the lag is at least
    the time since then.
    """
    if instance is None:
        return None
    pull = direction == Direction.ATLAS_TO_LOCAL
    reported = instance.pull_lag_ms if pull else instance.push_lag_ms
    stream, since = (
        (instance.atlas_stream, instance.atlas_stream_since)
        if pull
        else (instance.local_stream, instance.local_stream_since)
    )
    unknown_since = [since] if stream in UNREAD else []
    if instance.seen_at and now - instance.seen_at > SILENT:
        unknown_since.append(instance.seen_at)
    blind = [(now - moment).total_seconds() * 1000 for moment in unknown_since if moment]
    return round(max(reported, *blind)) if blind else reported


def sync_lag_ms(instance: Instance | None, enabled: bool, now: datetime) -> int | None:
    """The larger lag of the enabled directions."""
    directions = list(Direction) if enabled else [Direction.LOCAL_TO_ATLAS]
    lags = [lag for which in directions if (lag := lag_ms(instance, which, now)) is not None]
    return max(lags, default=None)


def passed_s(moment: datetime, now: datetime) -> float:
    """Seconds since then. What lies far ahead was written before the clock was set back: how long ago nobody knows, and until the
    clock has come there again it must not count as just now."""
    seconds = (now - moment).total_seconds()
    return -seconds if seconds < -AHEAD_S else seconds


def rate_now(now: datetime, before: int, current: int) -> float:
    """Changes per second over the last sixty seconds, from the counts of the previous and the current minute:
    the previous one counts in proportion to its overlap."""
    share = (now.second + now.microsecond / 1e6) / 60
    return (before * (1 - share) + current) / 60
