"""How long a side may be away before its history is lost: the forecast from measurements, and what is said of it."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from monitoring.health import headroom
from monitoring.health.assess import Facts, Status, assess
from monitoring.health.headroom import HeadroomFacts
from monitoring.health.limits import DEFAULT
from syncapp.core.headroom import (
    DAY,
    HOUR,
    Forecast,
    How,
    OplogSample,
    Past,
    forecast,
    remember,
    slot_s,
    thin,
)
from syncapp.core.values import Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.telemetry import headroom as measuring
from syncapp.listener.telemetry.headroom import Headroom, Measured
from syncapp.mongo import oplog_window
from syncapp.mongo.connect import CODEC
from syncapp.mongo.oplog_window import oldest_reachable_s, read_window
from syncapp.store.instance import instance_id

MB = 1_000_000
BEGAN = 1_700_000_000.0


def history(
    hours: float, rate: float, most: int = 990 * MB, used: int = 0, every_s: float = 300
) -> list[OplogSample]:
    """Of an oplog that is written at this rate (bytes a second), and truncated in pieces of a twentieth of its size."""
    samples, size, first = [], float(used), BEGAN - used / rate
    for number in range(int(hours * HOUR / every_s) + 1):
        now = BEGAN + number * every_s
        if number:
            size += rate * every_s
        while size > most:
            size, first = size - most / 20, first + most / 20 / rate
        samples.append(OplogSample(now, first, now, int(size), most))
    return samples


def test_a_young_oplog_is_not_taken_for_a_short_one() -> None:
    found = forecast(history(2, rate=10_000))
    assert found.how is How.MEASURED
    assert found.seconds == pytest.approx(99_000, rel=0.05)
    assert found.window_s == pytest.approx(2 * HOUR)
    assert not forecast(history(0.5, rate=10_000)).sure


@pytest.mark.parametrize("rate", [1_000, 100_000, 3_000_000])
def test_a_full_one_lasts_for_its_size_by_its_rate(rate: float) -> None:
    found = forecast(history(24, rate, used=980 * MB))
    assert found.seconds == pytest.approx(990 * MB / rate, rel=0.1)
    assert found.sure


def test_the_higher_rate_of_hour_and_day_counts() -> None:
    quiet = history(24, rate=1_000, used=980 * MB)
    last = quiet[-1]
    burst = [
        OplogSample(last.at + 300 * n, last.first, last.at + 300 * n, last.used + n * 300 * 20_000, last.most)
        for n in range(1, 13)
    ]
    assert forecast([*quiet, *burst]).seconds == pytest.approx(990 * MB / 20_000, rel=0.1)
    over = [
        dataclasses.replace(burst[-1], at=burst[-1].at + n * HOUR, last=burst[-1].last + n * HOUR)
        for n in (1, 2)
    ]
    by_the_day = forecast([*quiet, *burst, *over]).seconds
    assert 990 * MB / 20_000 < by_the_day < 990 * MB / 1_000


def test_without_sizes_only_the_ends_count() -> None:
    still = [OplogSample(BEGAN + n * 300, BEGAN - DAY, BEGAN + n * 300) for n in range(13)]
    assert forecast(still) == Forecast(DAY + HOUR, How.AT_LEAST, True, DAY + HOUR)
    moving = [OplogSample(BEGAN + n * 300, BEGAN - DAY + n * 600, BEGAN + n * 300) for n in range(13)]
    assert forecast(moving).seconds == pytest.approx(DAY / 2, rel=0.05), "it shrinks by an hour in each hour"


def test_an_oplog_that_nobody_writes_to_reaches_up_to_now() -> None:
    idle = [OplogSample(BEGAN + n * 300, BEGAN - 60, BEGAN) for n in range(13)]
    found = forecast(idle)
    assert (found.seconds, found.how) == (HOUR + 60, How.AT_LEAST), "a minute was written, and nothing since"


def test_a_week_of_forecasts_is_kept_with_the_lowest_of_each_time() -> None:
    past: Past = ()
    for n in range(8 * 24 * 12):
        at = BEGAN + n * 300
        past = remember(past, at, 100_000 if n % 24 else 5_000)
    assert len(past) < 64
    assert 6.5 * DAY < at - past[0][0] <= 7 * DAY
    assert {seconds for start, seconds in past if at - start > DAY} == {5_000}
    assert past[-1][1] == 100_000
    covered = [start + slot_s(at - start) for start, _ in past]
    assert all(end >= start for end, (start, _) in zip(covered, past[1:], strict=False)), "without gaps"
    assert remember(past, BEGAN, 7) == ((int(BEGAN) // 900 * 900, 7),), "the clock was set back"


def test_entries_that_are_kept_for_a_time_last_as_long_as_that() -> None:
    busy = [dataclasses.replace(one, retention_s=DAY) for one in history(2, 3_000_000, used=980 * MB)]
    assert forecast(busy).seconds == DAY


def test_a_day_is_kept_in_a_few_samples() -> None:
    samples: list[OplogSample] = []
    for one in history(30, rate=1_000):
        samples = thin([*samples, one])
    assert len(samples) < 40
    assert samples[-1].at - samples[0].at == pytest.approx(DAY, abs=HOUR)
    assert forecast(samples).seconds == pytest.approx(990_000, rel=0.05)


def measured(local: Database[Any], atlas: Database[Any]) -> Headroom:
    databases = {
        side: one.client.get_database(one.name, codec_options=CODEC)
        for side, one in ((Side.LOCAL, local), (Side.ATLAS, atlas))
    }
    return Headroom(databases, USUAL)


def test_real_servers_are_measured_and_what_was_measured_outlives_a_restart(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    measured(local_db, atlas_db).look()
    again = measured(local_db, atlas_db)
    again.look()
    for side in Side:
        found = again.found[side].forecast
        assert found is not None
        assert found.how is How.MEASURED
        assert 0 < (found.window_s or 0) < found.seconds
        kept = (local_db["_sync_metadata"].find_one({"_id": "oplogs"}) or {})[side.value]
        assert len(kept) == 2
        assert 0 < again.found[side].past[-1][1] <= found.seconds
        assert again.found[side].as_document()["past"] == [list(point) for point in again.found[side].past]
        assert kept[0][4] > kept[0][3] > 0, "sizes"


def test_after_a_restart_the_last_figure_of_a_side_that_is_away_stays(
    local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = measured(local_db, atlas_db)
    before.look()

    def away(database: Database[Any]) -> OplogSample | None:
        if database.name == atlas_db.name:
            raise AutoReconnect("it is away")
        return read_window(database)

    monkeypatch.setattr(measuring, "read_window", away)
    again = measured(local_db, atlas_db)
    for _ in range(2):
        with pytest.raises(AutoReconnect):
            again.look()
    assert again.found[Side.ATLAS].seconds == before.found[Side.ATLAS].seconds
    assert again.found[Side.ATLAS].past == before.found[Side.ATLAS].past != ()
    assert len((local_db["_sync_metadata"].find_one({"_id": "oplogs"}) or {})["local"]) == 3


def test_other_devices_judge_only_what_is_sure() -> None:
    young = Measured(1.0, Forecast(60.0, How.MEASURED, sure=False))
    old = Measured(1.0, Forecast(60.0, How.MEASURED, sure=True))
    assert (young.sure_s, old.sure_s, young.seconds) == (None, 60.0, 60.0)


def test_a_login_that_may_read_the_status_only_is_good_enough(
    local_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_window(local_db)
    monkeypatch.setattr(oplog_window, "_ends", lambda database: None)
    monkeypatch.setattr(oplog_window, "_size", lambda database: (0, 0))
    by_status = read_window(local_db)
    assert whole is not None
    assert by_status is not None
    assert (by_status.first, by_status.used) == (whole.first, 0)
    assert abs(by_status.last - whole.last) < 60


def test_a_login_that_may_read_nothing_learns_how_old_a_position_may_be(
    local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(database: Any) -> None:
        raise OperationFailure("not authorized", 13)

    monkeypatch.setattr(measuring, "read_window", lambda database: None)
    instance_id(local_db)
    one = measured(local_db, atlas_db)
    one.look()
    assert one.found[Side.ATLAS].seconds is None, "it is a device since a moment ago"
    one._clock = lambda: time.time() + 2 * HOUR
    one.look()
    found = one.found[Side.ATLAS].forecast
    assert found is not None
    assert (found.how, found.seconds, found.sure) == (How.ESTIMATED, 2 * HOUR, False)


def test_the_oldest_position_is_found_by_halving(
    local_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def reaches(database: Any, since: float) -> bool:
        tried.append(since)
        return time.time() - since < 5.5

    monkeypatch.setattr(oplog_window, "_reaches_back", reaches)
    ages = [float(one) for one in range(1, 101)]
    assert oldest_reachable_s(local_db, ages) == 5
    assert len(tried) <= 7
    assert oldest_reachable_s(local_db, []) == 0


def facts(seconds: float | None, **values: Any) -> HeadroomFacts:
    given = {"side": "atlas", "how": "measured", "sure": True, "window_s": 100.0, "age_s": 60.0, **values}
    return HeadroomFacts(seconds=seconds, **given)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (facts(273_600), "can stay offline for 3 d 4 h"),
        (facts(18_000, how="at-least"), "can stay offline for at least 5 h"),
        (facts(18_000, how="estimated"), "can stay offline for at least 5 h; estimated, since the login may not read it"),
        (facts(18_000, age_s=4 * HOUR), "can stay offline for 5 h (as of 4 h ago)"),
        (facts(365 * DAY), "can stay offline for more than a year"),
        (facts(None, how="estimated"), "unknown yet: the login may not read the oplog of Atlas"),
    ],
)  # fmt: skip
def test_it_is_said_in_one_line(one: HeadroomFacts, text: str) -> None:
    assert one.text == text


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (facts(13 * HOUR), Status.HEALTHY),
        (facts(11 * HOUR), Status.DEGRADED),
        (facts(HOUR), Status.CRITICAL),
        (facts(HOUR, sure=False), Status.HEALTHY),
        (facts(HOUR, age_s=2 * HOUR), Status.HEALTHY),
        (facts(None), Status.HEALTHY),
    ],
)
def test_health_warns_in_time(one: HeadroomFacts, status: Status) -> None:
    found = assess(Facts(headroom=(one,)))
    assert found.status == status
    if status == Status.DEGRADED:
        assert found.reasons[0].code == "oplog-headroom"
        assert "(normal from 12 h, critical below 2 h)" in found.reasons[0].text
    assert headroom.level(13 * HOUR, dataclasses.replace(DEFAULT, headroom_warning_s=DAY)) == Status.DEGRADED
