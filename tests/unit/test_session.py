"""In which order a session begins and ends, and what ends it."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import DatabaseError

from syncapp.listener.intervals import USUAL, Intervals
from syncapp.listener.parts import Parts
from syncapp.listener.safeguards import Halted
from syncapp.listener.session import Session
from syncapp.listener.session_end import SessionEnd
from syncapp.mongo.errors import ConnectionDown, HistoryLost
from syncapp.rules.rules import Rules
from syncapp.store.lease import LeaseLost
from tests.support.eventually import eventually

SHORT = replace(
    USUAL,
    **{name: 0.01 for name in Intervals.__slots__ if name not in ("lease_share", "still", "answer")},
)
RULES = cast(Rules, SimpleNamespace(name="the rules"))


class Recorder:
    """Parts that do nothing, and note what is asked of them."""

    def __init__(self, **raises: Exception) -> None:
        self.calls: list[str] = []
        self.raises = raises  # by what is called
        self.lease_seconds = 60.0  # longer than a test: tokens are kept at last only
        self.end = SessionEnd(cast(Any, None), lambda: None)
        self.handed_out = threading.Event()

    def part(self, name: str, **values: Any) -> Any:
        recorder = self

        class Part:
            def __getattr__(self, act: str) -> Any:
                def call(*_: Any, **more: Any) -> Any:
                    return recorder.called(f"{name}.{act}", more)

                return call

        one = Part()
        one.__dict__.update(values)
        return one

    def called(self, what: str, more: dict[str, Any]) -> Any:
        self.calls.append(what)
        if what == "dispatcher.hand_out":
            self.handed_out.set()
        time.sleep(0.001)  # some of what is called waits by itself
        if what in self.raises:
            raise self.raises[what]
        return {"safeguards.wait_for_answers": True, "beginning.begin": RULES}.get(what, 0)

    @property
    def parts(self) -> Parts:
        names = (
            "dirty", "lease", "tokens", "clock", "safeguards", "beginning", "dispatcher", "structural", "refused",
            "runs", "books", "report", "headroom", "fleet",
        )  # fmt: skip
        named = {name: self.part(name) for name in names}
        return cast(
            Parts,
            SimpleNamespace(
                **named,
                readers=self.part("readers", sides=()),
                following=self.part("following", rules=None),
                intervals=SHORT,
                end=self.end,
                catch_up=lambda: None,
                lease_seconds=self.lease_seconds,
            ),
        )

    def run(self, stopping: threading.Event | None = None) -> None:
        Session(self.parts).run(stopping or threading.Event())

    def first(self, *names: str) -> list[int]:
        return [self.calls.index(name) for name in names]


def stopped(recorder: Recorder) -> None:
    """It is stopped once something was handed out."""
    stopping = threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stopping,), daemon=True)
    thread.start()
    assert recorder.handed_out.wait(10)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


def test_the_lease_is_kept_from_the_beginning_and_streams_are_read_before_keys_go_out() -> None:
    recorder = Recorder()
    stopped(recorder)
    order = recorder.first(
        "clock.load", "safeguards.wait_for_answers", "beginning.begin", "following.begin", "dispatcher.follow",
        "dispatcher.hand_out",
    )  # fmt: skip
    assert order == sorted(order)


def test_a_stop_lets_tasks_report_saves_the_tokens_and_then_gives_the_lease_back() -> None:
    recorder = Recorder()
    stopped(recorder)
    order = recorder.first("readers.stop_all", "dirty.wait_for_tasks", "readers.join_all", "lease.give_back")
    assert order == sorted(order)
    kept = [at for at, name in enumerate(recorder.calls) if name == "tokens.keep" and at < order[-1]]
    assert kept[-1] > order[2], "once more, at last"
    assert "dispatcher.hand_out" not in recorder.calls[order[0] :]
    eventually(lambda: "books.keep" in recorder.calls[order[-1] :], "figures are written at last", 5)
    assert "dispatcher.close" not in recorder.calls[: order[-1]], (
        "a broker that hangs must not hold the lease"
    )


def test_what_is_told_at_last_does_not_wait_for_what_is_away() -> None:
    """Django's database is: the other devices' operators are still told that this one was stopped."""
    recorder = Recorder(**{"books.keep": DatabaseError("away")})
    stopped(recorder)
    for name in ("report.stopped", "dispatcher.close"):
        eventually(lambda name=name: name in recorder.calls, name, 5)


def test_a_lease_that_is_lost_stops_dispatch_and_saves_nothing_more() -> None:
    recorder = Recorder(**{"tokens.keep": LeaseLost("another listener has taken over")})
    recorder.lease_seconds = 0.01
    with pytest.raises(LeaseLost):
        recorder.run()
    assert recorder.calls.count("tokens.keep") == 1
    assert "lease.give_back" not in recorder.calls
    assert "dirty.wait_for_tasks" not in recorder.calls, "it must not wait for anything"
    over = recorder.calls.index("readers.stop_all")
    assert "dispatcher.hand_out" not in recorder.calls[over:]


@pytest.mark.parametrize(
    ("what", "error", "saves"),
    [
        ("safeguards.beat", Halted("restored"), True),
        ("runs.drive", HistoryLost("a token was deleted"), False),
    ],
)
def test_what_only_another_session_can_go_on_from_ends_this_one(
    what: str, error: Exception, saves: bool
) -> None:
    """A token that was deleted must not be saved again."""
    recorder = Recorder(**{what: error})
    with pytest.raises(type(error)):
        recorder.run()
    stopped_at, given_back = recorder.first("readers.join_all", "lease.give_back")
    assert ("tokens.keep" in recorder.calls[stopped_at:given_back]) is saves


def test_what_waits_is_looked_at_when_a_session_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rarely afterwards: the first report must not say for long that it is unknown."""
    monkeypatch.setattr(sys.modules[__name__], "SHORT", replace(SHORT, waiting=3_600.0))
    recorder, stopping = Recorder(), threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stopping,), daemon=True)
    thread.start()
    try:
        eventually(lambda: "report.look" in recorder.calls, "it looks", 5)
    finally:
        stopping.set()
        thread.join(10)


def test_what_passes_is_tried_again() -> None:
    recorder = Recorder(**{"following.reload": ConnectionDown("away"), "books.keep": KeyError("odd")})
    stopping = threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stopping,), daemon=True)
    thread.start()
    try:
        for name in recorder.raises:
            eventually(lambda name=name: recorder.calls.count(name) > 2, f"{name} again", 5)
    finally:
        stopping.set()
        thread.join(10)
    assert not recorder.end.error
