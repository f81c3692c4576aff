"""How an alert goes on: every order of what is wrong, gets worse, ends, is acknowledged and silenced."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from monitoring.alerts.elapsed import LONGEST_STEP, elapsed_s, mark
from monitoring.alerts.lifecycle import Life, Notice, Severity, State, begin, end, go_on

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
FOR_S = 60.0


def fired(severity: Severity = WARNING) -> Life:
    return Life(State.FIRING, severity, FOR_S, told=severity)


def later(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_it_is_pending_until_it_has_lasted() -> None:
    life, notice = go_on(begin(WARNING, NOON), WARNING, FOR_S, 59, NOON)
    assert (life.state, notice) == (State.PENDING, None)
    life, notice = go_on(life, WARNING, FOR_S, 1, NOON)
    assert (life.state, notice) == (State.FIRING, Notice.FIRING)


def test_what_need_not_last_fires_at_once() -> None:
    assert go_on(begin(CRITICAL, NOON), CRITICAL, 0, 0, NOON)[1] == Notice.FIRING


def test_firing_is_said_once() -> None:
    assert go_on(fired(), WARNING, FOR_S, 5, NOON) == (dataclasses.replace(fired(), lasted_s=65), None)


def test_what_gets_worse_is_said_also_if_somebody_has_acknowledged_it() -> None:
    life = dataclasses.replace(fired(), state=State.ACKNOWLEDGED)
    assert go_on(life, WARNING, FOR_S, 5, NOON)[1] is None
    life, notice = go_on(life, CRITICAL, FOR_S, 5, NOON)
    assert (life.state, life.told, notice) == (State.FIRING, CRITICAL, Notice.FIRING)
    assert go_on(life, WARNING, FOR_S, 5, NOON)[1] is None, "better again is not said"


def test_a_silence_says_nothing_until_its_end() -> None:
    life = dataclasses.replace(fired(), state=State.SILENCED, silenced_until=later(100))
    assert go_on(life, CRITICAL, FOR_S, 5, later(99))[1] is None
    life, notice = go_on(life, WARNING, FOR_S, 5, later(100))
    assert (life.state, life.silenced_until, notice) == (State.FIRING, None, Notice.FIRING)


def test_a_silence_outlasts_what_flaps() -> None:
    assert begin(WARNING, NOON, later(1)).state == State.SILENCED
    assert begin(WARNING, NOON, later(0)) == Life(State.PENDING, WARNING)


def test_the_end_is_said_to_those_who_know_of_it() -> None:
    assert end(fired())[1] == Notice.RESOLVED
    assert end(begin(WARNING, NOON))[1] is None


def test_a_figure_that_goes_up_and_down_around_its_bound_is_told_of_once() -> None:
    life = fired()
    for _ in range(10):
        life, notice = end(life, settles_s=60, elapsed_s=50)
        assert (life.state, life.calm_s, notice) == (State.FIRING, 50, None)
        life, notice = go_on(life, WARNING, FOR_S, 5, NOON)
        assert (life.calm_s, notice) == (0, None)
    life, notice = end(life, settles_s=60, elapsed_s=30)
    assert notice is None
    assert end(life, settles_s=60, elapsed_s=30)[1] == Notice.RESOLVED


@pytest.mark.parametrize(
    ("before", "now", "wall", "passed"),
    [
        ("boot 100.0", "boot 105.0", 3_600, 5.0),  # the wall clock has jumped ahead
        ("boot 100.0", "boot 105.0", -3_600, 5.0),  # and back
        ("boot 100.0", "boot 9000.0", 8_900, LONGEST_STEP),  # nobody looked meanwhile
        ("boot 100.0", "other 3.0", 7, 7.0),  # another machine, or it was started anew
        ("", "", 7, 7.0),
        ("", "", -7, 0.0),
        ("", "", 3_600, LONGEST_STEP),
    ],
)
def test_time_passes_whatever_clocks_do(before: str, now: str, wall: float, passed: float) -> None:
    assert elapsed_s(before, now, NOON, later(wall)) == pytest.approx(passed)


def test_the_first_evaluation_has_no_time_before_it() -> None:
    assert elapsed_s("", mark(), None, NOON) == 0
    assert mark(), "this system has a clock that does not jump"


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens: notices of beginning and end alternate, and none comes during a silence but the end."""

    @initialize(severity=st.sampled_from(Severity))
    def starts(self, severity: Severity) -> None:
        self.now = NOON
        self.life = begin(severity, self.now)
        self.said: list[Notice] = []

    @precondition(lambda self: self.life.state == State.RESOLVED)
    @rule(severity=st.sampled_from(Severity))
    def begins_anew(self, severity: Severity) -> None:
        self.life, self.said = begin(severity, self.now, self.life.silenced_until), []

    def _note(self, notice: Notice | None) -> None:
        if notice:
            self.said.append(notice)

    @precondition(lambda self: self.life.state != State.RESOLVED)
    @rule(severity=st.sampled_from(Severity), seconds=st.floats(0, 50))
    def still_wrong(self, severity: Severity, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)
        before = self.life
        silent = before.silenced_until is not None and self.now < before.silenced_until
        self.life, notice = go_on(before, severity, FOR_S, seconds, self.now)
        self._note(notice)
        if notice:
            assert not silent
            was_silenced = before.state == State.SILENCED
            assert before.told is None or was_silenced or (before.told, severity) == (WARNING, CRITICAL)

    @precondition(lambda self: self.life.state == State.FIRING)
    @rule()
    def acknowledged(self) -> None:
        self.life = dataclasses.replace(self.life, state=State.ACKNOWLEDGED)

    @precondition(lambda self: self.life.state != State.RESOLVED)
    @rule(seconds=st.floats(1, 200))
    def silenced(self, seconds: float) -> None:
        until = self.now + dt.timedelta(seconds=seconds)
        self.life = dataclasses.replace(self.life, state=State.SILENCED, silenced_until=until)

    @precondition(lambda self: self.life.state != State.RESOLVED)
    @rule(settles_s=st.sampled_from([0.0, 60.0]), seconds=st.floats(0, 50))
    def over(self, settles_s: float, seconds: float) -> None:
        self.life, notice = end(self.life, settles_s, seconds)
        self._note(notice)

    @invariant()
    def the_end_comes_last_and_once_if_anything_was_said(self) -> None:
        if not hasattr(self, "said"):
            return
        over = self.life.state == State.RESOLVED
        assert self.said.count(Notice.RESOLVED) == int(over and Notice.FIRING in self.said)
        assert Notice.RESOLVED not in self.said[:-1]
        assert (self.life.told is not None) == (Notice.FIRING in self.said)


TestAnyOrder = AnyOrder.TestCase
