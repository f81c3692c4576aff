"""What the listener makes of silence, and of a broker that is down."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import pytest

from syncapp.apply.messages import Report
from syncapp.core.values import BOTH, Ending, Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.telemetry.work_watch import WorkWatch


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def done(side: Side, task: str = "a task") -> Report:
    return Report(task, side, endings=(Ending.DONE,))


def watch() -> tuple[WorkWatch, Clock]:
    clock = Clock()
    return WorkWatch(USUAL, clock), clock


def kinds(one: WorkWatch) -> list[str]:
    return [stop.kind for stop in one.stops()]


def test_workers_that_are_silent_are_asked_and_missed_when_they_do_not_answer() -> None:
    one, clock = watch()
    assert one.to_ask(BOTH) == list(BOTH)
    for side in BOTH:
        one.sent(side)
    assert one.to_ask(BOTH) == [] == one.stops()
    one.heard([done(Side.LOCAL)])
    clock.now += USUAL.answer
    (stop,) = one.stops()
    assert (stop.kind, stop.text, stop.since) == ("workers", "atlas_to_local", 1_000)
    one.heard([done(Side.ATLAS)])
    assert one.stops() == []
    clock.now += USUAL.ask - 1
    assert one.to_ask(BOTH) == [Side.LOCAL]


def test_nobody_is_missed_who_was_not_asked() -> None:
    one, clock = watch()
    one.heard([done(Side.LOCAL)])
    clock.now += 3_600
    assert one.stops() == []


def test_a_clock_that_is_set_back_hides_no_missing_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as it was set back nobody would be asked, and health would call all well."""
    one = WorkWatch(replace(USUAL, ask=0.0, answer=0.0))
    one.heard([done(side) for side in BOTH])
    before = time.time()
    monkeypatch.setattr(time, "time", lambda: before - 3_600)
    assert one.to_ask(BOTH) == list(BOTH)
    for side in BOTH:
        one.sent(side)
    (stop,) = one.stops()
    assert stop.since == pytest.approx(before - 3_600, abs=60), "as the clock shows it now"


def test_a_broker_that_is_away_is_said_since_when_and_until_both_ways_work() -> None:
    one, clock = watch()
    one.sent(Side.LOCAL)
    one.broker_failed("read", "Connection refused")
    clock.now += 60
    one.broker_failed("read", "Timeout")
    one.broker_failed("send", "Timeout")
    (stop,) = one.stops()
    assert (stop.kind, stop.text, stop.since) == ("broker", "Timeout", 1_000)
    one.broker_answered("read")
    assert kinds(one) == ["broker"]
    one.broker_answered("send")
    assert one.stops() == [], "and nobody could answer meanwhile"
