"""Reads the collections that go first past a backlog: a second stream of one side, of them alone, while the side's own is
behind.

What it brings is dirty at once, and goes out first. It holds no token back, since the side's own stream brings all of it once
more: nothing depends on it, and whatever it misses only waits for its turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from syncapp.core.changes import ChangeBatch
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.sources.source import Position
from syncapp.listener.streams.events import Place
from syncapp.listener.streams.stream_reader import Sink, StreamReader
from syncapp.mongo.errors import HistoryLost


class BothSink(Sink, Protocol):
    """Who takes what a side's own stream brings, and what is read ahead of it."""

    def receive_ahead(self, side: Side, batch: ChangeBatch) -> None:
        """Raises PyMongoError if it cannot be processed: then it is delivered again."""

    def room_ahead(self) -> bool: ...


class AheadSink:
    """What such a stream's reader calls a sink."""

    def __init__(self, both: BothSink) -> None:
        self._both = both

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        self._both.receive_ahead(side, batch)

    def room(self) -> bool:
        return self._both.room_ahead()

    def somebody_waits(self, side: Side) -> bool:
        return False

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        """The side's own stream finds that too."""


class Express:
    """Of one side. All but `lag_seconds` is called by its own reader's thread."""

    def __init__(
        self,
        make: Callable[[Position, Place, Exclusions, tuple[str, ...]], StreamReader],
        first: Callable[[], tuple[str, ...]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make`: a reader that begins at a position and place, with exclusions, of collections with these patterns. `first`:
        those that go first by the rules in force. `seconds`: so long the side's own stream has to be behind."""
        self._make = make
        self._first = first
        self._seconds = seconds
        self._clock = clock
        self._reader: StreamReader | None = None
        self._reads: tuple[tuple[str, ...], Exclusions] | None = None
        self._since: float | None = None

    @property
    def lag_seconds(self) -> float:
        """As a reader has it; endless while there is none, or it has brought nothing yet."""
        reader = self._reader
        if reader is None or reader.status.state != "connected":
            return float("inf")
        return reader.lag_seconds

    def look(
        self, behind: bool, lag_seconds: float, position: Position, place: Place, exclusions: Exclusions
    ) -> None:
        """Between two fetches of the side's own stream, which has been handed on up to this position."""
        first = self._first() if behind else ()
        if self._reads != (first, exclusions):
            self.end()
        if not first:
            self._since = None
            return
        self._since = self._clock() if self._since is None else self._since
        known = lag_seconds - 1  # it is counted in whole seconds
        if self._reader is None and max(known, self._clock() - self._since) >= self._seconds:
            self._reads = first, exclusions
            self._reader = self._make(position, place, exclusions, first)
            self._reader.start()

    def end(self) -> None:
        """What still comes is harmless: nobody waits for it to end."""
        if self._reader is not None:
            self._reader.stop()
        self._reader = self._reads = None
