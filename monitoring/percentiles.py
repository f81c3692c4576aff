"""Percentiles from a histogram of times: pure, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncapp.models.metrics import TIME_BOUNDS_MS


def percentile(counts: Mapping[int, int], share: float, bounds: Sequence[int] = TIME_BOUNDS_MS) -> float:
    """The quantile `share` (0 to 1) of the times; 0 without any.

    `counts`: the number for each upper bound of `bounds`. Within a bucket the times are assumed
    to be evenly distributed; above the last finite bound the result is that bound.
    """
    total = sum(counts.values())
    if not total:
        return 0.0
    wanted, seen, lower = total * share, 0, 0
    for upper in bounds:
        here = counts.get(upper, 0)
        if here and seen + here >= wanted:
            if upper == bounds[-1]:
                return float(lower)
            return lower + (upper - lower) * max(0.0, wanted - seen) / here
        seen, lower = seen + here, upper
    return float(lower)
