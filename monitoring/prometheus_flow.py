"""What flows, for Prometheus: changes by direction, operation and collection, and how long they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Sum
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from monitoring import figures
from monitoring.facts import Snapshot
from syncapp.models import CollectionMetric, LagTime, ProcessingTime, StateMinute
from syncapp.models.choices import Direction
from syncapp.models.metrics import LAG_BOUNDS_MS, TIME_BOUNDS_MS, UNBOUNDED, Histogram

OUTCOMES = ("succeeded", "failed", "skipped")
OPERATIONS = {"insert": "inserts", "update": "updates", "replace": "replaces", "delete": "deletes"}
ENDINGS = {**OPERATIONS, "failed": "failed", "skipped": "skipped"}
PERCENTILES = (95, 99)


def flow(snapshot: Snapshot) -> Iterator[Metric]:
    totals = figures.totals()
    yield from _counters(totals)
    yield _collections()
    yield _histogram(
        "isthmus_processing_seconds",
        "A worker's time for a change",
        ProcessingTime,
        TIME_BOUNDS_MS,
        {which: counters.time_ms for which, counters in totals.items()},
    )
    yield _histogram(
        "isthmus_lag_observed_seconds",
        "The lag as the listener sees it, once a second",
        LagTime,
        LAG_BOUNDS_MS,
        _lag_sums(),
    )
    yield _percentiles(snapshot)
    yield from _lag(snapshot, totals)


def _counters(totals: dict[Direction, figures.DirectionTotals]) -> Iterator[Metric]:
    changes = CounterMetricFamily("isthmus_changes", "Processed changes", labels=["direction", "outcome"])
    conflicts = CounterMetricFamily(
        "isthmus_conflicts", "Changes in conflict, those of one-way sync too", labels=["direction"]
    )
    operations = CounterMetricFamily(
        "isthmus_operations", "Written changes", labels=["direction", "operation"]
    )
    for which, counters in totals.items():
        for outcome in OUTCOMES:
            changes.add_metric([which, outcome], getattr(counters, outcome))
        for operation, column in OPERATIONS.items():
            operations.add_metric([which, operation], getattr(counters, column))
        conflicts.add_metric([which], counters.conflicts)
    yield from (changes, operations, conflicts)


def _collections() -> Metric:
    """The number of names is bounded where they are counted (syncapp/listener/telemetry/metrics.py)."""
    found = CounterMetricFamily(
        "isthmus_collection_changes",
        "Processed changes of a collection; those without a counter of their own are together in other",
        labels=["direction", "collection", "operation"],
    )
    for row in CollectionMetric.objects.order_by("direction", "collection"):
        for operation, column in ENDINGS.items():
            found.add_metric([row.direction, row.collection, operation], getattr(row, column))
    return found


def _histogram(
    name: str, text: str, model: type[Histogram], bounds: Sequence[int], sums_ms: dict[Direction, float]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["direction"])
    rows: Any = model._default_manager
    found = rows.order_by().values_list("direction", "upper_ms").annotate(Sum("count"))
    counts = {(direction, upper_ms): number for direction, upper_ms, number in found}
    for which in Direction:
        so_far, buckets = 0, []
        for bound in bounds:
            so_far += counts.get((which, bound), 0)
            buckets.append(("+Inf" if bound == UNBOUNDED else str(bound / 1000), so_far))
        # In whole milliseconds: the last digits of a sum depend on how its rows were rolled up, and a counter that falls by one of
        # them looks as if it had started anew
        family.add_metric([which], buckets, round(sums_ms[which]) / 1000)
    return family


def _lag_sums() -> dict[Direction, float]:
    sums = StateMinute.objects.aggregate(pull=Sum("pull_lag_ms"), push=Sum("push_lag_ms"))
    return {Direction.ATLAS_TO_LOCAL: sums["pull"] or 0, Direction.LOCAL_TO_ATLAS: sums["push"] or 0}


def _percentiles(snapshot: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "isthmus_processing_percentile_seconds",
        "Percentiles of the processing time in the last hour",
        labels=["direction", "percentile"],
    )
    shares = [percent / 100 for percent in PERCENTILES]
    for which, times in figures.percentiles(snapshot.at - figures.HOUR, *shares).items():
        for percent, milliseconds in zip(PERCENTILES, times, strict=True):
            family.add_metric([which, str(percent)], milliseconds / 1000)
    return family


def _lag(snapshot: Snapshot, totals: dict[Direction, figures.DirectionTotals]) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "isthmus_lag_seconds", "Age of the oldest unfinished change", labels=["direction"]
    )
    last = GaugeMetricFamily(
        "isthmus_last_event_timestamp_seconds", "Time of the newest change", labels=["direction"]
    )
    for which, counters in totals.items():
        lag_ms = figures.lag_ms(snapshot.instance, Direction(which), snapshot.at)
        # While one-way, changes on Atlas are pending on purpose
        if lag_ms is not None and (snapshot.switches.enabled or which != Direction.ATLAS_TO_LOCAL):
            lag.add_metric([which], lag_ms / 1000)
        if counters.last_event_at:
            last.add_metric([which], counters.last_event_at.timestamp())
    yield from (lag, last)
