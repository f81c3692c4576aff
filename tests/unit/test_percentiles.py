"""Percentiles from the histogram of processing times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.percentiles import percentile
from syncapp.models.metrics import TIME_BOUNDS_MS


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ({}, 0.95, 0),
        ({10: 0}, 0.95, 0),
        ({10: 100}, 0.5, 7.5),  # between 5 and 10, half of the way
        ({10: 100}, 1.0, 10),
        ({1: 1}, 1.0, 1),
        ({10: 90, 100: 10}, 0.9, 10),
        ({10: 90, 100: 10}, 0.95, 75),  # between 50 and 100, half of the way
        ({2**31 - 1: 5}, 0.95, 60_000),  # beyond the last bound nothing is known
    ],
)
def test_they_are_interpolated(counts: dict[int, int], share: float, expected: float) -> None:
    assert percentile(counts, share) == pytest.approx(expected)


@given(st.dictionaries(st.sampled_from(TIME_BOUNDS_MS), st.integers(0, 1_000)), st.floats(0.01, 1))
def test_a_higher_share_is_never_quicker_and_never_beyond_the_slowest(
    counts: dict[int, int], share: float
) -> None:
    low, high = percentile(counts, share / 2), percentile(counts, share)
    assert 0 <= low <= high
    slowest = max((bound for bound, count in counts.items() if count), default=0)
    assert high <= slowest
