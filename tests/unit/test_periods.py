"""When what is done again and again is done."""

from __future__ import annotations

import pytest
from kombu.utils.imports import symbol_by_name

from syncapp.listener import threads
from syncapp.listener.intervals import USUAL
from syncapp.listener.threads import Periodic
from syncproject.celery import app


def test_threads_of_one_interval_wake_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    every_two_seconds = Periodic("any", 2.0, lambda: None, lambda error: False)
    for now, left in ((100.0, 2.0), (100.5, 1.5), (101.75, 0.25)):
        monkeypatch.setattr(threads.time, "monotonic", lambda now=now: now)
        assert every_two_seconds._until_next() == left


def test_the_small_profile_looks_less_often_at_what_nobody_waits_for() -> None:
    assert USUAL.eased(1) == USUAL
    small = USUAL.eased(2)
    assert (small.rules, small.books, small.idle_fetch) == (2.0, 2.0, 1.0)
    assert (small.runs, small.catch_up) == (6.0, 15.0)
    assert (small.reconnect, small.answer) == (USUAL.reconnect, USUAL.answer)


def test_beat_does_not_look_at_a_task_before_it_is_due() -> None:
    """Celery's own does so 10 ms before, and then without a pause until it is."""
    scheduler = object.__new__(symbol_by_name(app.conf.beat_scheduler))
    assert scheduler.adjust(5.0) > 5.0
    assert scheduler.adjust(0) == 0
