"""Counts what workers report, and adds it to the rows of the current minute once a second."""

from __future__ import annotations

import bisect
import datetime as dt
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from syncapp.apply.messages import Report
from syncapp.core.changes import Change, Found
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
_CONFLICTS = ("conflicts", "merged")  # of changes that are counted by what became of them, too
_SUCCESSES = frozenset({"inserts", "updates", "replaces", "deletes"})


@dataclass(slots=True)
class MetricsBuffer:
    """What was counted since the last flush. It guards itself: streams, reports and whoever writes come by threads of
    their own."""

    counts: Counter[tuple[Side, str]] = field(default_factory=Counter)
    times: Counter[tuple[Side, int]] = field(default_factory=Counter)
    milliseconds: Counter[Side] = field(default_factory=Counter)
    last_event: dict[Side, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, report: Report) -> None:
        """Every report counts, a late one too: its work was done.

        A batch's time is divided among its changes: otherwise large batches would look like a slow worker.
        """
        with self._lock:
            self._add(report)

    def _add(self, report: Report) -> None:
        ended = sum(number for name, number in report.counts.items() if name not in _CONFLICTS)
        each_ms = report.took_ms / max(1, ended)
        for name, number in report.counts.items():
            if name in _CONFLICTS:
                self.counts[report.side.other, name] += number
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

    def saw(self, target: Side, changes: Iterable[Found]) -> None:
        """Of these changes those of documents will be written to `target`."""
        times = (change.fact.time for change in changes if isinstance(change, Change) and change.fact)
        newest = max((time_ms for time_ms in times if time_ms is not None), default=None)
        if newest is not None:
            with self._lock:
                self.last_event[target] = max(newest, self.last_event.get(target, 0))

    def take(self) -> MetricsBuffer:
        """Everything that was counted; it counts from zero again."""
        with self._lock:
            taken = MetricsBuffer(self.counts, self.times, self.milliseconds, self.last_event)
            self.counts, self.times, self.milliseconds, self.last_event = Counter(), Counter(), Counter(), {}
        return taken

    def merge(self, other: MetricsBuffer) -> None:
        """Merge back what could not be written."""
        with self._lock:
            self.counts.update(other.counts)
            self.times.update(other.times)
            self.milliseconds.update(other.milliseconds)
            for target, time_ms in other.last_event.items():
                self.last_event[target] = max(time_ms, self.last_event.get(target, 0))

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
