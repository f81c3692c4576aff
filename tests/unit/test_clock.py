"""Offsets between the two servers' clocks: measured, kept as a history, applied as they were."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import pytest
from pymongo.database import Database

from syncapp.core.clock import ClockOffsets, Measurement
from syncapp.core.values import Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.telemetry.clock_watch import ClockWatch
from syncapp.mongo import clock_probe
from syncapp.store import clock_offsets

FAR = 1e9  # seconds after the measurements: nothing is in the future

HOUR = 3_600_000


def test_without_a_measurement_times_stay_as_they_are() -> None:
    assert ClockOffsets().to_atlas_time(5, FAR) == 5


def test_a_change_is_corrected_by_the_offset_as_it_was_when_it_was_made() -> None:
    offsets = ClockOffsets()
    offsets.add(Measurement(10 * HOUR, -HOUR, 1))  # the local clock is an hour ahead
    offsets.add(Measurement(12 * HOUR, 0, 1))  # … and somebody has set it right
    assert offsets.to_atlas_time(11 * HOUR, FAR) == 10 * HOUR
    assert offsets.to_atlas_time(13 * HOUR, FAR) == 13 * HOUR
    assert offsets.to_atlas_time(9 * HOUR, FAR) == 8 * HOUR  # before the first measurement: the first one


@pytest.mark.parametrize(("offset", "kept"), [(103, False), (97, False), (110, True), (-100, True)])
def test_what_lies_within_the_error_of_measuring_is_no_news(offset: float, kept: bool) -> None:
    offsets = ClockOffsets([Measurement(0, 100, 2)])
    assert offsets.add(Measurement(1_000, offset, 2)) is kept
    assert offsets.current == (offset if kept else 100)


def test_a_clock_that_was_set_back_shows_its_times_again_with_the_new_offset() -> None:
    offsets = ClockOffsets([Measurement(10 * HOUR, 0, 1), Measurement(20 * HOUR, -10 * HOUR, 1)])
    offsets.add(Measurement(11 * HOUR, 0, 1))
    assert offsets.to_atlas_time(20 * HOUR, FAR) == 20 * HOUR


def test_servers_on_one_machine_have_one_clock(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    measured = clock_probe.measure(local_db, atlas_db)
    assert abs(measured.offset) <= measured.error


def test_the_history_is_kept_with_the_data(local_db: Database[Any]) -> None:
    offsets = ClockOffsets([Measurement(1, -2.5, 0.5), Measurement(7, 3.0, 1.0)])
    clock_offsets.save(local_db, offsets)
    assert clock_offsets.load(local_db) == offsets


def test_a_change_that_is_dated_in_the_future_counts_as_made_now() -> None:
    offsets = ClockOffsets()
    offsets.add(Measurement(10 * HOUR, 0, 2, made_at=100.0))
    # Somebody sets the local clock an hour ahead, and a change is made before that is measured
    assert offsets.to_atlas_time(11 * HOUR, 105.0) == 10 * HOUR + 5_003
    assert offsets.to_atlas_time(10 * HOUR + 4_000, 105.0) == 10 * HOUR + 4_000


def test_now_is_counted_from_the_moment_of_the_measurement_and_not_from_its_end() -> None:
    """As on a busy machine: the first probe is the best, and four slow ones follow."""
    now = 50.0

    class Server:
        def __init__(self, ahead: float) -> None:
            self.ahead = ahead
            self.answers = 0

        @property
        def client(self) -> Server:
            return self

        @property
        def admin(self) -> Server:
            return self

        def command(self, _name: str) -> dict[str, dt.datetime]:
            nonlocal now
            now += 0.001 if self.answers < 2 else 0.05
            self.answers += 1
            return {"localTime": dt.datetime.fromtimestamp(now + self.ahead, dt.UTC)}

    local, atlas = Server(1_000), Server(1_003)
    measured = clock_probe.measure(cast("Database[Any]", local), cast("Database[Any]", atlas), lambda: now)
    assert measured.offset == pytest.approx(3_000, abs=2)
    offsets = ClockOffsets()
    offsets.add(measured)
    written = round((now + local.ahead) * 1000)
    assert offsets.to_atlas_time(written, now) == pytest.approx(written + 3_000, abs=measured.error)


@pytest.mark.parametrize(
    ("errors", "asked"), [([1.5, 1.0], 1), ([30.0, 20.0, 1.9, 1.0], 3), ([9.0, 8.0, 7.0, 8.0, 9.0, 1.0], 5)]
)
def test_what_is_measured_well_at_once_is_not_measured_five_times(
    monkeypatch: pytest.MonkeyPatch, errors: list[float], asked: int
) -> None:
    probes = iter([Measurement(n, 0, error) for n, error in enumerate(errors)])
    monkeypatch.setattr(clock_probe, "_probe", lambda *_: next(probes))
    best = clock_probe.measure(cast("Database[Any]", None), cast("Database[Any]", None))
    assert best.error == min(errors[:asked])
    assert len(list(probes)) == len(errors) - asked


def test_an_offset_that_was_measured_badly_is_measured_again() -> None:
    offsets = ClockOffsets([Measurement(10 * HOUR, 60, 80)])
    assert not offsets.add(Measurement(11 * HOUR, 5, 50))
    assert offsets.add(Measurement(11 * HOUR, 2, 3))
    assert offsets.measurements == [Measurement(10 * HOUR, 2, 3)]


@pytest.mark.parametrize(
    ("first", "second", "jumped"),
    [
        (Measurement(HOUR, 0, 1), Measurement(2 * HOUR, 5_000, 1), True),
        # Over a slow link first, then over a good one: nobody has set a clock
        (Measurement(HOUR, 3_000, 4_000), Measurement(2 * HOUR, 0, 1), False),
    ],
)
def test_a_clock_that_jumped_is_a_warning(
    local_db: Database[Any],
    atlas_db: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
    first: Measurement,
    second: Measurement,
    jumped: bool,
) -> None:
    measured = iter([first, second])
    monkeypatch.setattr(clock_probe, "measure", lambda *_databases: next(measured))
    watch = ClockWatch({Side.LOCAL: local_db, Side.ATLAS: atlas_db}, 2_000, USUAL)
    watch.measure()
    watch.measure()
    assert clock_offsets.load(local_db).current == second.offset
    assert watch.warning.startswith("A clock has jumped by 5.0 s") is jumped
    assert bool(watch.warning) is jumped
