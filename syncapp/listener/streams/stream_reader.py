"""The thread that reads one side's source: opens it, hands on what it brings, and opens it again when it is lost. One
class for both sides, and for whatever source."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from pymongo.errors import PyMongoError

from syncapp.core.changes import UNREADABLE, ChangeBatch, Fetched, Pulse, Structural
from syncapp.core.rule.exclusions import Exclusions, is_reserved
from syncapp.core.values import Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.sources.oversized import Oversized
from syncapp.listener.sources.source import OpenStream, Position, Source
from syncapp.listener.streams.events import EventReader, Place
from syncapp.listener.streams.fetch_ahead import FetchAhead
from syncapp.listener.streams.reconnect import wait_seconds
from syncapp.mongo.error_text import describe, says_what_fails, shorten
from syncapp.mongo.errors import HistoryLost, SyncError, translate

log = structlog.get_logger(__name__)
# Factors for the size of a fetch: of a backlog, and of a backlog on high-latency links. The local database is never
# far: where it is slow, larger fetches would only exceed what the listener may hold
AHEAD_TIMES = {Side.LOCAL: (1, 1), Side.ATLAS: (5, 20)}


class Sink(Protocol):
    """The consumer of a stream's events."""

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        """Raises PyMongoError if it cannot be processed: then it is delivered again."""

    def room(self) -> bool:
        """May more be read ahead?"""

    def somebody_waits(self, side: Side) -> bool:
        """Does a key wait for this stream to be read past a position?"""

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        """The stream cannot be resumed."""


class Overtaking(Protocol):
    """Reads what goes first past a backlog (`express.py`)."""

    @property
    def lag_seconds(self) -> float: ...

    def look(
        self, behind: bool, lag_seconds: float, position: Position, place: Place, exclusions: Exclusions
    ) -> None:
        """Called between two fetches. `behind`: there is more than may be read now, or than was read."""

    def end(self) -> None:
        """Raises nothing."""


@dataclass(slots=True)
class StreamStatus:
    """A stream's status, for admin and health."""

    state: str = "connecting"  # connected, connecting, disconnected, stopped
    since: float = 0.0  # seconds since 1970
    failures: int = 0  # in a row
    error: str = ""

    def change(self, state: str, error: str = "") -> None:
        if state != self.state:
            self.since = time.time()
        self.state, self.error = state, error


class StreamReader(threading.Thread):
    """Reads until it is stopped. Raises nothing: failures are retried for ever."""

    def __init__(
        self,
        source: Source,
        events: EventReader,
        sink: Sink,
        *,
        token: Mapping[str, Any],
        exclusions: Exclusions,
        interval_ms: int,
        max_attempts: int,
        intervals: Intervals,
        overtaking: Overtaking | None = None,
        opened: str = "",
    ) -> None:
        """`interval_ms`, `max_attempts`: as the settings of a stream's reconnection have them. `opened`: how the log says
        that it is open, if not as of a side's own stream."""
        super().__init__(name=f"{source.side} stream", daemon=True)
        self.side = source.side
        self.status = StreamStatus(since=time.time())
        self.more = False  # the last fetch was full: there is more
        self._read_until = 0.0  # all that was written by then is read; in seconds of time.monotonic
        self._source = source
        self._events = events
        self._sink = sink
        self._position = Position(token)
        self._exclusions = exclusions
        self._interval_ms = interval_ms
        self._max_attempts = max_attempts
        self._intervals = intervals
        self._busy_wait_ms = round(1000 * intervals.busy_fetch)
        self._stirred_at = time.monotonic()  # when it brought the last change
        self._stopping = threading.Event()
        self._reopen = threading.Event()
        self._open_with: Exclusions | None = None
        self._oversized = Oversized(source)
        self._overtaking = overtaking
        self._opened = opened

    def stop(self) -> None:
        self._stopping.set()

    @property
    def lag_seconds(self) -> float:
        """The lag of the last read event behind the server's clock, while there is more. Not only behind the newest
        operation: dispatched keys are read later, after sync itself has written."""
        return time.monotonic() - self._read_until if self.more else 0.0

    @property
    def first_lag_seconds(self) -> float:
        """The same of collections that go first."""
        lag = self.lag_seconds
        return min(lag, self._overtaking.lag_seconds) if lag and self._overtaking else lag

    def change_exclusions(self, exclusions: Exclusions) -> None:
        """Continue with another filter, at the stream's current position."""
        self._exclusions = exclusions
        self._reopen.set()

    def reads_with(self, exclusions: Exclusions) -> bool:
        """Is the open stream filtered by these exclusions?"""
        return self._open_with == exclusions

    def run(self) -> None:
        try:
            self._read()
        finally:
            if self._overtaking:
                self._overtaking.end()

    def _read(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read_stream()
            except HistoryLost as error:
                self._failed(error)
                self._sink.history_lost(self.side, error)
                return
            except SyncError as error:
                self._oversized.failed(error)
                self._failed(error)
            except PyMongoError as error:
                ours = translate(error)
                ours.__cause__ = error
                self._failed(ours)
            except Exception as error:
                log.exception("Change Stream reader failed", event_name="reader_failed", side=str(self.side))
                self._failed(SyncError(describe(error)))
        self.status.change("stopped")

    def _read_stream(self) -> None:
        self._reopen.clear()
        exclusions = self._exclusions
        stream = self._source.open(self._position, exclusions, without_large=self._oversized.leaves_out)
        self._open_with = exclusions
        log.info(
            self._opened or f"{self.side.capitalize()} Change Stream started successfully",
            event_name="stream_started",
            side=str(self.side),
        )
        ahead = FetchAhead(stream, self._busy_wait_ms, self._intervals.far_fetch, *AHEAD_TIMES[self.side])
        try:
            while not self._stopping.is_set() and not self._reopen.is_set():
                self._read_on(stream, ahead, exclusions)
        except Exception as error:
            # Reported first: closing a frozen server's stream takes as long again as the detection
            self.status.change("disconnected", says_what_fails(self.side, error))
            raise
        finally:
            ahead.end()
            stream.close()

    def _read_on(self, stream: OpenStream, ahead: FetchAhead, exclusions: Exclusions) -> None:
        room = self._sink.room()
        if self._overtaking:
            behind, place = self.more or not room, self._events.place
            self._overtaking.look(behind, self.lag_seconds, self._position, place, exclusions)
        if not room:
            self._stopping.wait(self._intervals.room)  # backpressure: the stream itself is the queue
        elif ahead.active:
            self._take(ahead.next())
        else:
            waited_for = self._sink.somebody_waits(self.side)
            wait_ms = self._busy_wait_ms if waited_for else self._idle_wait_ms()
            self._take(stream.fetch(wait_ms), to_the_end=not waited_for)
            if self.more:
                ahead.begin()

    def _idle_wait_ms(self) -> int:
        at_rest = time.monotonic() - self._stirred_at > self._intervals.rest
        return round(1000 * (self._intervals.rest_fetch if at_rest else self._intervals.idle_fetch))

    def _take(self, fetched: Fetched, to_the_end: bool = False) -> None:
        """`to_the_end`: an empty fetch means the end of the stream."""
        self._read_until = fetched.at - ((fetched.server_time >> 32) - (fetched.read_to >> 32))
        self.more = fetched.full
        moved = fetched.token != self._position.token
        past = moved and self._oversized.leaves_out
        batch = self._hand_on(fetched, past)
        if any(not isinstance(change, Pulse) for change in batch.changes):
            self._stirred_at = time.monotonic()
        # Only a processed batch resets the failures: a stream may open and fail for ever
        if to_the_end or fetched.events or moved:
            self.status.failures = 0
            self.status.change("connected")
        self._position = Position(fetched.token)
        self._oversized.went_on()
        if past:
            self._oversized.passed()
            self._reopen.set()
            log.error(
                "Change event too large: both sides are compared",
                event_name="event_too_large",
                side=str(self.side),
            )
        for change in batch.changes:
            if isinstance(change, Structural):
                self._structural(change)

    def _hand_on(self, fetched: Fetched, past: bool) -> ChangeBatch:
        """`past`: an unreadable event was skipped."""
        continues = self._events.continues(fetched.events)
        before = self._events.place
        changes = self._events.read(fetched.events)
        if past:
            changes.append(Structural(UNREADABLE, ""))  # of whatever collection
        in_transaction = fetched.token_is_event and self._events.transaction is not None
        batch = ChangeBatch(changes, fetched.token, fetched.read_to, continues, in_transaction)
        try:
            self._sink.receive(self.side, batch)
        except Exception:
            self._events.go_back(before)  # the stream is reopened at its position before this batch
            raise
        return batch

    def _structural(self, change: Structural) -> None:
        if not is_reserved(change.collection):
            log.warning(
                "A structural change is not applied on the other side",
                event_name="structural",
                side=str(self.side),
                operation=change.operation,
                collection=change.collection,
            )
        if change.operation == "invalidate":
            self._position = Position(self._position.token, after_invalidate=True)
            self._reopen.set()

    def _failed(self, error: SyncError) -> None:
        self.more = False  # no more events are expected at once
        self.status.failures += 1
        self.status.change("disconnected", says_what_fails(self.side, error))
        delay = wait_seconds(self.status.failures, self._interval_ms / 1000, self._intervals)
        # The first of a series too: error.log has to show the beginning, but not each attempt
        serious = self.status.failures == 1 or self.status.failures >= self._max_attempts
        (log.error if serious else log.warning)(
            "Change Stream connection failed",
            event_name="stream_failed",
            side=str(self.side),
            attempt=self.status.failures,
            next_in_ms=round(1000 * delay),
            error=shorten(str(error)),
        )
        self._stopping.wait(delay)
