"""The last hour, day or week as series for the charts of the live page, with marks where something happened.

Series are lists beside `at`, the starts of their points in seconds since 1970 (UTC). None: nobody reported then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitoring import figures, headroom_history
from monitoring.folding import rolled_up_before
from monitoring.percentiles import percentile
from syncapp.models import Instance, LagTime, MetricMinute, StateMinute
from syncapp.models.choices import Direction
from syncapp.models.metrics import LAG_BOUNDS_MS, UNBOUNDED

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
TAIL = 2  # points that may have changed since the last look


@dataclass(frozen=True)
class Span:
    """`step`: seconds of a point."""

    step: int
    points: int

    def starts(self, now: datetime, points: int) -> list[int]:
        last = int(now.timestamp()) // self.step * self.step
        return [last - self.step * n for n in range(points - 1, -1, -1)]


SPANS = {"hour": Span(60, 60), "day": Span(600, 144), "week": Span(3_600, 168)}


def history(name: str, now: datetime, instance: Instance | None, *, tail: bool = False) -> dict[str, Any]:
    """`tail`: only the last points, for a page that has the others."""
    span = SPANS[name]
    starts = span.starts(now, TAIL + 1 if tail else span.points + 1)
    # What was rolled up into days would be a whole day's in one point
    since = max(_since(starts[0]), rolled_up_before(now))
    counts = _counts(span, since)
    states, lags = _states(span, since), _lags(span, since)
    seen = instance if instance and _reports(instance, now) else None
    # The first point is only there for the rate of the second
    series = {
        "at": starts[1:],
        "throughput": {
            which: _rates(span, starts, counts[which], states, now, known=seen is not None)
            for which in Direction
        },
        "conflicts": _sums(starts[1:], counts, "conflicts", states),
        "rejected": _sums(starts[1:], counts, "failed", states),
        "pending": _pending(starts[1:], states, seen),
        "lag": {which: _quantiles(starts[1:], lags[which], seen, which, now) for which in Direction},
        "headroom": headroom_history.series(starts[1:], span.step, states, instance, seen, now),
    }
    return {"span": name, "step": span.step, **series}


def _reports(instance: Instance, now: datetime) -> bool:
    silent_s = figures.SILENT.total_seconds()
    return instance.seen_at is not None and figures.passed_s(instance.seen_at, now) < silent_s


def _since(start: int) -> datetime:
    return datetime.fromtimestamp(start, UTC)


Counts = dict[str, dict[int, dict[str, int]]]


def _counts(span: Span, since: datetime) -> Counts:
    """By direction and point."""
    found: Counts = {which: defaultdict(lambda: dict.fromkeys(("succeeded", "failed", "conflicts"), 0)) for which in Direction}  # fmt: skip
    rows = MetricMinute.objects.filter(minute__gte=since).order_by()
    for minute, direction, succeeded, failed, conflicts in rows.values_list(
        "minute", "direction", "succeeded", "failed", "conflicts"
    ):
        point = found[direction][_point(span, minute)]
        point["succeeded"] += succeeded
        point["failed"] += failed
        point["conflicts"] += conflicts
    return found


def _point(span: Span, moment: datetime) -> int:
    return int(moment.timestamp()) // span.step * span.step


def _states(span: Span, since: datetime) -> dict[int, tuple[int, int, int]]:
    """By point: samples, sum and highest of the queue."""
    found: dict[int, tuple[int, int, int]] = {}
    rows = StateMinute.objects.filter(minute__gte=since).order_by()
    for minute, samples, total, highest in rows.values_list(
        "minute", "samples", "queue_sum", "queue_highest"
    ):
        before = found.get(_point(span, minute), (0, 0, 0))
        found[_point(span, minute)] = (before[0] + samples, before[1] + total, max(before[2], highest))
    return found


def _lags(span: Span, since: datetime) -> dict[str, dict[int, dict[int, int]]]:
    """By direction and point the histogram."""
    found: dict[str, dict[int, dict[int, int]]] = {which: {} for which in Direction}
    rows = LagTime.objects.filter(minute__gte=since).order_by()
    for minute, direction, upper_ms, count in rows.values_list("minute", "direction", "upper_ms", "count"):
        histogram = found[direction].setdefault(_point(span, minute), {})
        histogram[upper_ms] = histogram.get(upper_ms, 0) + count
    return found


def _rates(
    span: Span,
    starts: Sequence[int],
    counts: Mapping[int, Mapping[str, int]],
    states: Mapping[int, Any],
    now: datetime,
    *,
    known: bool,
) -> list[float | None]:
    """Changes a second. The last point is the rate of the last `step` seconds: one that has just begun would look like a
    standstill. `known`: a listener reports now; without one nothing is a standstill."""
    numbers = [counts[start]["succeeded"] if start in counts else 0 for start in starts]
    rates: list[float | None] = [
        round(number / span.step, 3) if start in counts or start in states else None
        for start, number in zip(starts[1:-1], numbers[1:-1], strict=True)
    ]
    share = (now.timestamp() - starts[-1]) / span.step
    last = round((numbers[-2] * (1 - share) + numbers[-1]) / span.step, 3)
    return [*rates, last if known or starts[-1] in counts or starts[-1] in states else None]


def _sums(starts: Iterable[int], counts: Counts, column: str, states: Mapping[int, Any]) -> list[int | None]:
    return [
        sum(points[start][column] for points in counts.values() if start in points)
        if start in states or any(start in points for points in counts.values())
        else None
        for start in starts
    ]


def _pending(
    starts: Sequence[int], states: Mapping[int, tuple[int, int, int]], instance: Instance | None
) -> dict[str, list[float | None]]:
    """What is not written yet of the last point is what the listener reports now."""
    highest: list[float | None] = []
    average: list[float | None] = []
    for start in starts:
        samples, total, most = states.get(start, (0, 0, 0))
        highest.append(most if samples else None)
        average.append(round(total / samples, 1) if samples else None)
    if instance is not None:
        highest[-1] = max(highest[-1] or 0, instance.queue_size)
        average[-1] = instance.queue_size if average[-1] is None else average[-1]
    return {"highest": highest, "average": average}


def _quantiles(
    starts: Sequence[int],
    points: Mapping[int, Mapping[int, int]],
    instance: Instance | None,
    which: Direction,
    now: datetime,
) -> dict[str, list[float | None]]:
    """Seconds. A stream that is stopped on purpose has no lag."""
    found: dict[str, list[float | None]] = {}
    is_read = instance is not None and figures.is_read(instance, which)
    current = figures.lag_ms(instance, which, now) if is_read else None
    for name, share in SHARES.items():
        found[name] = [_seconds(points.get(start), share) for start in starts]
        if found[name][-1] is None and current is not None:
            found[name][-1] = round(current / 1000, 3)
    return found


def _seconds(histogram: Mapping[int, int] | None, share: float) -> float | None:
    if not histogram:
        return None
    milliseconds = percentile(histogram, share, LAG_BOUNDS_MS)
    return round(min(milliseconds, UNBOUNDED) / 1000, 3)
