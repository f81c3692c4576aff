"""How hard a comparison works, so that live sync does not suffer."""

from __future__ import annotations

import pytest

from syncapp.compare.slices import Pace


@pytest.mark.parametrize(
    ("pace", "documents", "took", "pause"),
    [
        (Pace(), 30_000, 0.5, 0.0),  # nothing waits: at once
        (Pace(pending=3), 30_000, 0.5, 0.5),  # live sync has half of the time
        (Pace(rate=1_000), 1_000, 0.1, 0.9),
        (Pace(rate=1_000), 200, 0.5, 0.0),
        (Pace(rate=1_000, pending=3), 100, 0.4, 0.4),
    ],
)
def test_the_pause_between_two_slices(pace: Pace, documents: int, took: float, pause: float) -> None:
    assert pace.pause(documents, took) == pytest.approx(pause)


def test_a_limit_bounds_a_slice_so_that_pauses_stay_short() -> None:
    assert Pace(rate=10).documents == 10
    assert Pace().documents > 1_000_000
