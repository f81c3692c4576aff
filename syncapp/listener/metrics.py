"""Counts what workers report, and adds it to the rows of the current minute once a second."""

from __future__ import annotations

import bisect
import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from syncapp.apply.messages import Report
from syncapp.core.values import Side
from syncapp.models import MetricMinute, ProcessingTime
from syncapp.models.choices import Direction
from syncapp.models.metrics import TIME_BOUNDS_MS

DIRECTIONS = {
    Side.LOCAL: Direction.ATLAS_TO_LOCAL,
    Side.ATLAS: Direction.LOCAL_TO_ATLAS,
}  # by what is written
_COLUMNS = {
    "insert": "inserts",
    "update": "updates",
    "replace": "replaces",
    "delete": "deletes",
    "failed": "failed",
    "skipped": "skipped",
}
_SUCCESSES = frozenset({"inserts", "updates", "replaces", "deletes"})


@dataclass(slots=True)
class MetricsBuffer:
    """What was counted since the last flush."""

    counts: Counter[tuple[Side, str]] = field(default_factory=Counter)
    times: Counter[tuple[Side, int]] = field(default_factory=Counter)
    milliseconds: Counter[Side] = field(default_factory=Counter)
    last_event: dict[Side, int] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        """Every report counts, a late one too: it tells of work that was done.

        A batch's time is divided among its changes: else a backlog in large batches would look like a slow worker.
        """
        ended = sum(number for name, number in report.counts.items() if name != "conflicts")
        each_ms = report.took_ms / max(1, ended)
        for name, number in report.counts.items():
            if name == "conflicts":
                self.counts[report.side.other, "conflicts"] += number
                continue
            target, what = name.split()
            side, column = Side(target), _COLUMNS[what]
            self.counts[side, column] += number
            self.counts[side, "processed"] += number
            if column in _SUCCESSES:
                self.counts[side, "succeeded"] += number
            bound = TIME_BOUNDS_MS[bisect.bisect_left(TIME_BOUNDS_MS, each_ms)]
            self.times[side, bound] += number
            self.milliseconds[side] += each_ms * number  # type: ignore[assignment]

    def saw_event(self, target: Side, time_ms: int | None) -> None:
        """A change that will be written to `target` was made at this time."""
        if time_ms is not None:
            self.last_event[target] = max(time_ms, self.last_event.get(target, 0))

    def take(self) -> MetricsBuffer:
        """Everything that was counted; it counts from zero again."""
        taken = MetricsBuffer(self.counts, self.times, self.milliseconds, self.last_event)
        self.counts, self.times, self.milliseconds, self.last_event = Counter(), Counter(), Counter(), {}
        return taken

    def merge(self, other: MetricsBuffer) -> None:
        """Take back what could not be written."""
        self.counts.update(other.counts)
        self.times.update(other.times)
        self.milliseconds.update(other.milliseconds)
        for target, time_ms in other.last_event.items():
            self.saw_event(target, time_ms)

    def flush(self) -> None:
        """Add everything to the current minute's rows, all or nothing. Raises DatabaseError."""
        if not self.counts and not self.last_event:
            return
        minute = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
        with transaction.atomic():
            for side, direction in DIRECTIONS.items():
                self._add_counts(side, direction, minute)
            for (side, bound), number in self.times.items():
                row, _ = ProcessingTime.objects.get_or_create(
                    minute=minute, direction=DIRECTIONS[side], upper_ms=bound
                )
                ProcessingTime.objects.filter(pk=row.pk).update(count=F("count") + number)

    def _add_counts(self, side: Side, direction: Direction, minute: dt.datetime) -> None:
        mine = {column: number for (where, column), number in self.counts.items() if where is side}
        newest = self.last_event.get(side)
        if not mine and newest is None:
            return
        row, _ = MetricMinute.objects.get_or_create(minute=minute, direction=direction)
        changes: dict[str, object] = {column: F(column) + number for column, number in mine.items()}
        changes["time_ms"] = F("time_ms") + self.milliseconds[side]
        if newest is not None:
            changes["last_event_at"] = dt.datetime.fromtimestamp(newest / 1000, dt.UTC)
        MetricMinute.objects.filter(pk=row.pk).update(**changes)
