"""The reader of a source: it hands on everything, in its order and once, whatever comes between."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from syncapp.conf.log_files import SharedRotatingFileHandler
from syncapp.conf.logs import configuration, formatter
from syncapp.conf.settings import load
from syncapp.core.changes import UNREADABLE, Change, ChangeBatch, Structural
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.intervals import USUAL, Intervals
from syncapp.listener.sources.oversized import BROKEN_IN_A_ROW
from syncapp.listener.sources.source import Position
from syncapp.listener.streams.events import EventReader
from syncapp.listener.streams.stream_reader import StreamReader
from syncapp.mongo.errors import ConnectionDown, HistoryLost, SyncError, TooLarge
from tests.support.dirty import key
from tests.support.events import event, marker, structural
from tests.support.eventually import eventually
from tests.support.fake_source import FakeSource

AT_ONCE = replace(USUAL, soon=0.001, reconnect=0.001, room=0.001)
SOME = Exclusions(frozenset({"logs"}))


class Sink:
    """Takes what comes, but for one batch, once."""

    def __init__(self, fails_at: int = -1) -> None:
        self.batches: list[ChangeBatch] = []
        self.lost: list[SyncError] = []
        self.full = False
        self._fails_at = fails_at

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        if not batch.changes:
            return
        if len(self.batches) == self._fails_at:
            self._fails_at = -1
            raise AutoReconnect("the local database is down")
        self.batches.append(batch)

    def room(self) -> bool:
        return not self.full

    def somebody_waits(self, side: Side) -> bool:
        return False

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        self.lost.append(error)

    @property
    def changes(self) -> list[Any]:
        return [change for batch in self.batches for change in batch.changes]

    @property
    def keys(self) -> list[Any]:
        return [change.key for change in self.changes if isinstance(change, Change)]


class Overtaking:
    """Notes where the stream stood when it was behind."""

    lag_seconds = 2.0

    def __init__(self) -> None:
        self.behind: list[int] = []
        self.ended = False

    def look(self, behind: bool, lag_seconds: float, position: Position, place: Any, exclusions: Any) -> None:
        if behind:
            self.behind.append(position.token["n"])

    def end(self) -> None:
        self.ended = True


@contextmanager
def reading(
    source: FakeSource, sink: Sink, overtaking: Overtaking | None = None, intervals: Intervals = AT_ONCE
) -> Iterator[StreamReader]:
    events = EventReader(Side.ATLAS, "device", lambda time: time, lambda ids: set())
    reader = StreamReader(
        source, events, sink, token={"n": 0}, exclusions=Exclusions(), interval_ms=1, max_attempts=3,
        intervals=intervals, overtaking=overtaking,
    )  # fmt: skip
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()
        reader.join(5)
        assert not reader.is_alive()


def orders(*numbers: int) -> list[list[bytes]]:
    return [[event("orders", number)] for number in numbers]


def positions(source: FakeSource) -> list[int]:
    return [position.token["n"] for position, _, _ in source.opened]


@pytest.mark.parametrize("error", [ConnectionDown("away"), AutoReconnect("away"), KeyError("whatever")])
def test_a_stream_that_is_lost_is_opened_behind_what_was_handed_on(error: Exception) -> None:
    source, sink = FakeSource(*orders(1, 2, 3), errors={1: [error], 2: [error, error]}), Sink()
    with reading(source, sink) as reader:
        eventually(lambda: len(sink.keys) == 3, "all is read", 5)
        eventually(lambda: reader.status.state == "connected", "it goes on", 5)
        assert reader.status.failures == 0
    assert sink.keys == [key(1), key(2), key(3)]
    assert positions(source) == [0, 1, 2, 2]
    assert source.closed == len(source.opened)
    assert reader.status.state == "stopped"


def test_failures_in_a_row_add_up_and_are_told() -> None:
    source = FakeSource(*orders(1), errors={0: [ConnectionDown(f"away {n}") for n in range(10_000)]})
    with reading(source, Sink()) as reader:
        eventually(lambda: reader.status.failures >= 5, "they are counted", 5)
        assert reader.status.state == "disconnected"
        assert "away" in reader.status.error


def test_a_stream_whose_history_is_lost_is_told_and_not_opened_again() -> None:
    source, sink = FakeSource(*orders(1), errors={1: [HistoryLost("gone")]}), Sink()
    with reading(source, sink) as reader:
        eventually(lambda: not reader.is_alive(), "it ends", 5)
    assert [str(error) for error in sink.lost] == ["gone"]
    assert sink.keys == [key(1)]
    assert positions(source) == [0]


def test_half_a_transaction_that_is_read_again_keeps_its_origin() -> None:
    """The marker stands in the first batch only; the second one could not be taken."""
    own = marker("b1", "another device", c="orders", docs=[{"k": {"_id": 1}}, {"k": {"_id": 2}}])
    first = [event("_sync_batches", "b1", own, transaction=7), event("orders", 1, transaction=7)]
    # It ends outside of the transaction
    second = [event("orders", 2, transaction=7), event("menu", 3)]
    source, sink = FakeSource(first, second), Sink(fails_at=1)
    with reading(source, sink):
        eventually(lambda: len(sink.keys) == 3, "all is read", 5)
    assert positions(source) == [0, 1]
    assert [change.fact.origin for change in sink.changes] == ["another device", "another device", "atlas"]
    assert [(batch.continues, batch.in_transaction) for batch in sink.batches] == [
        (False, True),
        (True, False),
    ]


@pytest.mark.parametrize(
    "errors",
    [[TooLarge("an event")], [ConnectionDown("closed") for _ in range(BROKEN_IN_A_ROW)]],
    ids=["said", "closed"],
)
def test_an_event_that_cannot_be_sent_is_passed_and_all_is_compared(errors: list[Exception]) -> None:
    source, sink = FakeSource(*orders(1, 2, 3), errors={1: list(errors)}), Sink()
    with reading(source, sink):
        eventually(lambda: len(sink.keys) == 3, "it goes on", 5)
    assert sink.changes[2] == Structural(UNREADABLE, "")
    assert [change for change in sink.changes if isinstance(change, Structural)] == [sink.changes[2]]
    large = [(position.token["n"], without) for position, _, without in source.opened]
    assert large == [(0, False), *[(1, False)] * (len(errors) - 1), (1, True), (2, False)]


def test_a_server_that_is_away_has_no_large_event() -> None:
    errors: list[Exception] = [ConnectionDown("closed") for _ in range(3 * BROKEN_IN_A_ROW)]
    source, sink = FakeSource(*orders(1, 2), errors={1: errors}), Sink()
    source.answering = False
    with reading(source, sink):
        eventually(lambda: len(sink.keys) == 2, "it goes on", 5)
    assert not any(without for _, _, without in source.opened)


def test_a_stream_that_has_ended_is_opened_after_its_end() -> None:
    source, sink = FakeSource([structural("invalidate")], *orders(1)), Sink()
    with reading(source, sink):
        eventually(lambda: sink.keys == [key(1)], "it goes on", 5)
    assert [position for position, _, _ in source.opened] == [
        Position({"n": 0}),
        Position({"n": 1}, after_invalidate=True),
    ]


def test_other_exclusions_are_read_with_from_where_it_stands() -> None:
    source, sink = FakeSource(*orders(1)), Sink()
    with reading(source, sink) as reader:
        eventually(lambda: len(sink.keys) == 1, "it is read", 5)
        reader.change_exclusions(SOME)
        eventually(lambda: reader.reads_with(SOME), "it is opened again", 5)
    assert [(position.token["n"], exclusions) for position, exclusions, _ in source.opened] == [
        (0, Exclusions()),
        (1, SOME),
    ]


def test_a_stream_at_rest_is_asked_for_longer_until_it_brings_something() -> None:
    source, sink = FakeSource(), Sink()
    idle, rest = (round(1000 * seconds) for seconds in (USUAL.idle_fetch, USUAL.rest_fetch))
    with reading(source, sink, intervals=replace(AT_ONCE, rest=0.05)):
        eventually(lambda: source.waits[-1:] == [rest], "it is at rest", 5)
        asked = len(source.waits)
        source.batches += orders(1)
        eventually(lambda: idle in source.waits[asked:], "it is at rest no more", 5)
    assert source.waits[0] == idle
    assert sink.keys == [key(1)]


def test_nothing_is_read_while_there_is_no_room() -> None:
    source, sink = FakeSource(*orders(1)), Sink()
    sink.full = True
    with reading(source, sink):
        eventually(lambda: len(source.opened) == 1, "it is open", 5)
        assert sink.keys == []
        sink.full = False
        eventually(lambda: sink.keys == [key(1)], "it is read", 5)


@pytest.mark.parametrize("lost", [False, True])
def test_who_reads_past_a_backlog_is_told_where_the_stream_stands_and_ends_with_it(lost: bool) -> None:
    errors: dict[int, list[Exception]] = {2: [HistoryLost("gone")]} if lost else {}
    source, sink, overtaking = FakeSource(*orders(1, 2), errors=errors), Sink(), Overtaking()
    with reading(source, sink, overtaking) as reader:
        eventually(lambda: len(sink.keys) == 2, "it is read", 5)
        assert overtaking.behind == []
        if lost:
            eventually(lambda: not reader.is_alive(), "it ends", 5)
        else:
            assert reader.first_lag_seconds == 0.0
            sink.full = True
            eventually(lambda: overtaking.behind, "it is behind", 5)
            reader.more, reader._read_until = True, 0.0
            assert reader.first_lag_seconds == overtaking.lag_seconds < reader.lag_seconds
    assert set(overtaking.behind) <= {2}
    assert overtaking.ended


@pytest.mark.parametrize("form", ["plain", "json"])
def test_error_log_has_what_an_operators_grep_looks_for(form: str, tmp_path: Path) -> None:
    handler = SharedRotatingFileHandler(tmp_path / "error.log")
    handler.setLevel(configuration(load({"SYNC_HOME": str(tmp_path)}))["handlers"]["error"]["level"])
    handler.setFormatter(formatter(form))
    logging.getLogger().addHandler(handler)
    source = FakeSource(*orders(1), errors={0: [ConnectionDown("away")] * 10_000})
    try:
        with reading(source, Sink()) as reader:
            eventually(lambda: reader.status.failures >= 5, "it fails", 5)
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    lines = (tmp_path / "error.log").read_text().splitlines()
    assert all("ERROR" in line and "Change Stream connection failed" in line for line in lines)
    attempts = [found[1] for line in lines if (found := re.search(r"attempt\W+(\d+)", line))]
    assert attempts[:3] == ["1", "3", "4"], (
        "the beginning, and all from CHANGE_STREAM_MAX_RECONNECT_ATTEMPTS on"
    )
