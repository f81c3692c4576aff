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
from syncapp.core.scratch import is_scratch
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.models import CollectionMetric, MetricMinute, ProcessingTime
from syncapp.models.choices import Direction
from syncapp.models.metrics import MOST_COLLECTIONS, OTHER, TIME_BOUNDS_MS

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
LONGEST_NAME = 255  # of a collection, as the server takes it
_SUCCESSES = frozenset({"inserts", "updates", "replaces", "deletes"})


@dataclass(slots=True)
class MetricsBuffer:
    """What was counted since the last flush. It guards itself: streams, reports and whoever writes come by threads of
    their own."""

    counts: Counter[tuple[Side, str]] = field(default_factory=Counter)
    by_collection: Counter[tuple[Side, str, str]] = field(default_factory=Counter)
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
            self.by_collection[side, report.collection, column] += number
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
            taken = MetricsBuffer(
                self.counts, self.by_collection, self.times, self.milliseconds, self.last_event
            )
            self.counts, self.by_collection = Counter(), Counter()
            self.times, self.milliseconds, self.last_event = Counter(), Counter(), {}
        return taken

    def merge(self, other: MetricsBuffer) -> None:
        """Merge back what could not be written."""
        with self._lock:
            self.counts.update(other.counts)
            self.by_collection.update(other.by_collection)
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
            self._add_collections()

    def _add_collections(self) -> None:
        named = set(CollectionMetric.objects.order_by().values_list("collection", flat=True).distinct())
        sums: dict[tuple[Side, str], Counter[str]] = {}
        for (side, collection, column), number in self.by_collection.items():
            name = _label(collection, named)
            sums.setdefault((side, name), Counter())[column] += number
        for (side, name), columns in sums.items():
            row, _ = CollectionMetric.objects.get_or_create(direction=DIRECTIONS[side], collection=name)
            changes = {column: F(column) + number for column, number in columns.items()}
            CollectionMetric.objects.filter(pk=row.pk).update(**changes)

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


def _label(collection: str, named: set[str]) -> str:
    """A name of its own for the first of them: a database may have any number of collections. `named` is added to."""
    name = one_line(collection)
    if not collection or is_scratch(collection) or len(name) > LONGEST_NAME:
        return OTHER
    if name not in named and len(named) >= MOST_COLLECTIONS:
        return OTHER
    named.add(name)
    return name
