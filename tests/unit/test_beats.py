"""When the heartbeat is raised: an event for every device's stream, each time."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import NetworkTimeout

from syncapp.listener.beats import Beats
from syncapp.listener.intervals import USUAL
from syncapp.store import heartbeat
from syncapp.store.devices import DeviceReport, is_news
from syncapp.store.halts import Kind
from syncapp.store.heartbeat import Heartbeat, read_kept

DEVICE = "device"


class Rig:
    """A device's beats, its clock, what it would report and how many devices there are."""

    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        self.local, self.atlas = local, atlas
        self.now, self.devices = 1000.0, 1
        self.report = DeviceReport()
        self.heartbeat = Heartbeat(local, atlas, DEVICE, lambda: self.beats.document())
        self.beats = Beats(self.heartbeat, lambda: self.report, lambda: self.devices, USUAL, lambda: self.now)

    def raised(self, passed_s: float) -> bool:
        """Whether the next look, after so long, raises both counters."""
        before = self.heartbeat.seen
        self.now += passed_s
        assert self.beats.beat() is None
        there = heartbeat.read_there(self.atlas, DEVICE)
        assert read_kept(self.local).last == there == self.heartbeat.seen
        return self.heartbeat.seen != before


@pytest.fixture
def rig(local_db: Database[Any], atlas_db: Database[Any]) -> Rig:
    rig = Rig(local_db, atlas_db)
    assert rig.raised(0), "the first one of a session"
    return rig


def test_nothing_is_written_while_nothing_happens(rig: Rig) -> None:
    assert [rig.raised(5) for _ in range(4)] == [False, True, False, True]
    rig.devices = 60
    assert rig.raised(10)
    assert [rig.raised(5) for _ in range(12)] == [False] * 11 + [True]


def test_what_was_read_or_transferred_is_followed_by_a_beat(rig: Rig) -> None:
    rig.beats.stir()
    assert [rig.raised(5), rig.raised(4)] == [True, False]


def test_news_for_operators_do_not_wait(rig: Rig) -> None:
    rig.report = dataclasses.replace(rig.report, halts=1)
    assert [rig.raised(5), rig.raised(4)] == [True, False]


def test_all_devices_together_write_a_few_a_second(rig: Rig) -> None:
    rig.devices = 400
    assert rig.raised(60)
    rig.beats.stir()
    assert [rig.raised(5) for _ in range(20)] == [False] * 19 + [True]
    assert [rig.raised(60), rig.raised(60)] == [False, True], "an idle one too"


def test_a_beat_that_did_not_arrive_is_repeated(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*arguments: Any) -> bool:
        raise NetworkTimeout("timed out")

    rig.beats.stir()
    with monkeypatch.context() as patch:
        patch.setattr(rig.heartbeat, "_raise", lost)
        rig.now += 5
        with pytest.raises(NetworkTimeout):
            rig.beats.beat()
    assert rig.raised(5)


@pytest.mark.parametrize("counter", [0, 7])
def test_time_travel_is_noticed_by_each_look(rig: Rig, counter: int) -> None:
    rig.atlas["_sync_devices"].update_one({"_id": DEVICE}, {"$set": {"counter": counter, "nonce": "x"}})
    rig.now += 5
    expected = Kind.ATLAS_RESTORED if counter == 0 else Kind.DEVICE_COPIED
    assert rig.beats.beat() is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"pending": 99}, False),
        ({"pending": 20_000}, True),
        ({"pull_lag_ms": 4_000}, False),
        ({"pull_lag_ms": 60_000}, True),
        ({"clock_offset_ms": 400.0}, False),
        ({"clock_offset_ms": -5_000.0}, True),
        ({"conflicts": 1}, True),
        ({"atlas_stream": "disconnected"}, True),
        ({"stand_by": ("till:2",)}, True),
        ({"headroom_s": {"local": 90_000}}, False),
        ({"headroom_s": {"local": 60_000}}, True),
        ({"headroom_s": {}}, True),
    ],
)
def test_what_is_news(change: dict[str, Any], expected: bool) -> None:
    told = DeviceReport(headroom_s={"local": 100_000})
    assert is_news(told, dataclasses.replace(told, **change)) is expected


def test_a_report_of_another_version_is_read_as_far_as_it_goes() -> None:
    report = DeviceReport(version="1", pending=3, stand_by=("a",), headroom_s={"local": 60})
    assert DeviceReport.of(report.as_document()) == report
    newer = {**report.as_document(), "format": 9, "pending": "many", "halts": None, "more": 1}
    newer |= {"clockOffsetMs": float("inf"), "headroomSeconds": {"local": 60, "atlas": "long", "third": 1}}
    assert DeviceReport.of(newer) == dataclasses.replace(report, format=9, pending=0)
