"""How far a stream lags behind is counted from the server's clock, until the moment that is asked about."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from syncapp.core.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.events import EventReader
from syncapp.listener.stream_reader import StreamReader
from syncapp.mongo.change_stream import ChangeStream, Fetched
from tests.support.eventually import eventually

NOW = 1_800_000_000  # seconds, by the server's clock, when it answered
BEHIND, AGO = 3, 0.5  # seconds


class Sink:
    """Takes one batch, and has no room for more."""

    taken = 0

    def receive(self, *brought: Any) -> None:
        self.taken += 1

    def room(self) -> bool:
        return not self.taken

    def somebody_waits(self, side: Side) -> bool:
        return False

    def history_lost(self, side: Side, error: Exception) -> None:
        raise error


@contextmanager
def reading(monkeypatch: pytest.MonkeyPatch, *, full: bool) -> Iterator[StreamReader]:
    """A reader that was brought one batch, which the server had answered with a while ago."""

    def fetch(wait_ms: int, times: int = 1) -> Fetched:
        answered = time.monotonic() - AGO
        return Fetched([], {}, (NOW - BEHIND) << 32, NOW << 32, answered, False, full)

    stream = SimpleNamespace(fetch=fetch, close=lambda: None)
    monkeypatch.setattr(ChangeStream, "open", lambda *arguments: stream)
    sink = Sink()
    reader = StreamReader(
        Side.LOCAL,
        cast(Any, None),
        EventReader(Side.LOCAL, "device", lambda time: time, lambda ids: set()),
        sink,
        token={},
        exclusions=Exclusions(),
        batch_size=100,
        interval_ms=100,
        max_attempts=3,
    )
    reader.start()
    try:
        eventually(lambda: sink.taken, "the batch is taken", 5)
        yield reader
    finally:
        reader.stop()
        reader.join(5)


def test_it_grows_while_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with reading(monkeypatch, full=True) as reader:
        before = reader.lag_seconds
        assert before >= BEHIND + AGO
        time.sleep(0.05)
        assert reader.lag_seconds >= before + 0.05


def test_a_stream_that_was_read_to_its_end_does_not_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    with reading(monkeypatch, full=False) as reader:
        assert reader.lag_seconds == 0
