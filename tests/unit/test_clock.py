"""Offsets between the two servers' clocks: measured, kept as a history, applied as they were."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.engine import clock
from syncapp.engine.clock import ClockOffsets, Measurement

FAR = 1e9  # seconds after the measurements: nothing is in the future

HOUR = 3_600_000


def test_without_a_measurement_times_stay_as_they_are() -> None:
    assert ClockOffsets().to_atlas_time(5, FAR) == 5


def test_a_change_is_corrected_by_the_offset_as_it_was_when_it_was_made() -> None:
    offsets = ClockOffsets()
    offsets.add(Measurement(10 * HOUR, -HOUR, 1), 0.0)  # the local clock is an hour ahead
    offsets.add(Measurement(12 * HOUR, 0, 1), 0.0)  # … and somebody has set it right
    assert offsets.to_atlas_time(11 * HOUR, FAR) == 10 * HOUR
    assert offsets.to_atlas_time(13 * HOUR, FAR) == 13 * HOUR
    assert offsets.to_atlas_time(9 * HOUR, FAR) == 8 * HOUR  # before the first measurement: the first one


@pytest.mark.parametrize(("offset", "kept"), [(103, False), (97, False), (110, True), (-100, True)])
def test_what_lies_within_the_error_of_measuring_is_no_news(offset: float, kept: bool) -> None:
    offsets = ClockOffsets([Measurement(0, 100, 2)])
    assert offsets.add(Measurement(1_000, offset, 2), 0.0) is kept
    assert offsets.current == (offset if kept else 100)


def test_a_clock_that_was_set_back_shows_its_times_again_with_the_new_offset() -> None:
    offsets = ClockOffsets([Measurement(10 * HOUR, 0, 1), Measurement(20 * HOUR, -10 * HOUR, 1)])
    offsets.add(Measurement(11 * HOUR, 0, 1), 0.0)
    assert offsets.to_atlas_time(20 * HOUR, FAR) == 20 * HOUR


def test_servers_on_one_machine_have_one_clock(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    measured = clock.measure(local_db, atlas_db)
    assert abs(measured.offset) <= measured.error


def test_the_history_is_kept_with_the_data(local_db: Database[Any]) -> None:
    offsets = ClockOffsets([Measurement(1, -2.5, 0.5), Measurement(7, 3.0, 1.0)])
    clock.save(local_db, offsets)
    assert clock.load(local_db) == offsets


def test_a_change_that_is_dated_in_the_future_counts_as_made_now() -> None:
    offsets = ClockOffsets()
    offsets.add(Measurement(10 * HOUR, 0, 2), 100.0)
    # Somebody sets the local clock an hour ahead, and a change is made before that is measured
    assert offsets.to_atlas_time(11 * HOUR, 105.0) == 10 * HOUR + 5_002
    assert offsets.to_atlas_time(10 * HOUR + 4_000, 105.0) == 10 * HOUR + 4_000
