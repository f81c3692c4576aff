"""How far a stream lags behind is counted from the server's clock, until the moment that is asked about."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncapp.core.changes import Fetched
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.streams.events import EventReader
from syncapp.listener.streams.stream_reader import StreamReader
from tests.support.eventually import eventually
from tests.support.fake_source import FakeSource

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


class Answered(FakeSource):
    """Brings one batch, which the server had answered with a while ago."""

    side = Side.LOCAL

    def __init__(self, full: bool) -> None:
        super().__init__()
        self._full = full

    def fetch(self, wait_ms: int, times: int = 1) -> Fetched:
        answered = time.monotonic() - AGO
        return Fetched([], {"n": 0}, (NOW - BEHIND) << 32, NOW << 32, answered, False, self._full)


@contextmanager
def reading(*, full: bool) -> Iterator[StreamReader]:
    sink = Sink()
    reader = StreamReader(
        Answered(full),
        EventReader(Side.LOCAL, "device", lambda time: time, lambda ids: set()),
        sink,
        token={"n": 0},
        exclusions=Exclusions(),
        interval_ms=100,
        max_attempts=3,
        intervals=USUAL,
    )
    reader.start()
    try:
        eventually(lambda: sink.taken, "the batch is taken", 5)
        yield reader
    finally:
        reader.stop()
        reader.join(5)


def test_it_grows_while_nothing_is_read() -> None:
    with reading(full=True) as reader:
        before = reader.lag_seconds
        assert before >= BEHIND + AGO
        time.sleep(0.05)
        assert reader.lag_seconds >= before + 0.05


def test_a_stream_that_was_read_to_its_end_does_not_lag() -> None:
    with reading(full=False) as reader:
        assert reader.lag_seconds == 0
