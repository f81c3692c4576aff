"""The thread that reads one side's change stream: opens it, hands on what it brings, and opens it again
when it is lost. One class for both sides."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.changes import UNREADABLE, Found, Structural
from syncapp.core.exclusions import Exclusions, is_reserved
from syncapp.core.values import Side
from syncapp.listener.events import EventReader
from syncapp.listener.fetch_ahead import FetchAhead
from syncapp.listener.reconnect import wait_ms
from syncapp.mongo.change_stream import WITHOUT_LARGE_IDS, ChangeStream, Fetched
from syncapp.mongo.error_text import describe, says_what_fails, shorten
from syncapp.mongo.errors import ConnectionDown, HistoryLost, SyncError, TooLarge, translate
from syncapp.store.stream import pipeline

log = structlog.get_logger(__name__)
IDLE_WAIT_MS = 500  # how long the server may keep a fetch that finds nothing
BUSY_WAIT_MS = 10  # the same while a key waits for the stream to be read past a position
BROKEN_IN_A_ROW = 3  # connections of the stream, while the server answers on others
# How many times as much one fetch brings of a backlog, and of one that comes a long way. The local database is never
# far: where it is slow, more at once would only be more than the listener may hold
AHEAD_TIMES = {Side.LOCAL: (1, 1), Side.ATLAS: (5, 20)}


class Sink(Protocol):
    """Who takes what a stream brings."""

    def receive(
        self,
        side: Side,
        fetched: Fetched,
        changes: list[Found],
        continues: bool,
        in_transaction: bool,
    ) -> None:
        """`continues`: the first event goes on with the transaction that the batch before
        ended in. `in_transaction`: more events of the last one's transaction may follow.

        Raises PyMongoError if it cannot be taken: then it is brought again."""

    def room(self) -> bool:
        """May more be read ahead?"""

    def somebody_waits(self, side: Side) -> bool:
        """Does a key wait for this stream to be read past a position?"""

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        """The stream cannot be resumed."""


@dataclass(slots=True)
class StreamStatus:
    """What admin and health show of a stream."""

    state: str = "connecting"  # connected, connecting, disconnected, stopped
    since: float = 0.0  # seconds since 1970
    failures: int = 0  # in a row
    error: str = ""

    def change(self, state: str, error: str = "") -> None:
        if state != self.state:
            self.since = time.time()
        self.state, self.error = state, error


class StreamReader(threading.Thread):
    """Reads until it is stopped. Raises nothing: what fails is tried again, for ever."""

    def __init__(
        self,
        side: Side,
        database: Database[Any],
        events: EventReader,
        sink: Sink,
        *,
        token: dict[str, Any],
        exclusions: Exclusions,
        batch_size: int,
        interval_ms: int,
        max_attempts: int,
        idle_wait_ms: int = IDLE_WAIT_MS,
    ) -> None:
        super().__init__(name=f"{side} stream", daemon=True)
        self.side = side
        self.status = StreamStatus(since=time.time())
        self.more = False  # the last fetch was full: more is there
        self._read_until = 0.0  # all that was written by then is read; in seconds of time.monotonic
        self._database = database
        self._events = events
        self._sink = sink
        self._token = token
        self._exclusions = exclusions
        self._batch_size = batch_size
        self._interval_ms = interval_ms
        self._max_attempts = max_attempts
        self._idle_wait_ms = idle_wait_ms
        self._stopping = threading.Event()
        self._reopen = threading.Event()
        self._after_invalidate = False
        self._open_with: Exclusions | None = None
        self._leaves_out = False  # events of large `_id`s, until one that no reply can hold is passed
        self._broken = 0

    def stop(self) -> None:
        self._stopping.set()

    @property
    def lag_seconds(self) -> float:
        """How far what was read lies behind the server's clock, while more is there. Not only behind its newest
        operation: what is handed out is read later, after sync itself has written."""
        return time.monotonic() - self._read_until if self.more else 0.0

    def change_exclusions(self, exclusions: Exclusions) -> None:
        """Read on with another filter, from where the stream is now."""
        self._exclusions = exclusions
        self._reopen.set()

    def reads_with(self, exclusions: Exclusions) -> bool:
        """Is the open stream filtered by these exclusions?"""
        return self._open_with == exclusions

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read_stream()
            except HistoryLost as error:
                self._failed(error)
                self._sink.history_lost(self.side, error)
                return
            except SyncError as error:
                self._suspect(error)
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
        stages = pipeline(self.side, exclusions, self._events.device)
        if self._leaves_out:
            stages.insert(0, WITHOUT_LARGE_IDS)
        stream = ChangeStream.open(
            self._database, stages, self._batch_size, self._token, self._after_invalidate
        )
        self._open_with = exclusions
        log.info(
            f"{self.side.capitalize()} Change Stream started successfully",
            event_name="stream_started",
            side=str(self.side),
        )
        ahead = FetchAhead(stream, BUSY_WAIT_MS, *AHEAD_TIMES[self.side])
        try:
            while not self._stopping.is_set() and not self._reopen.is_set():
                if not self._sink.room():
                    self._stopping.wait(0.02)  # backpressure: the stream itself is the queue
                    continue
                if ahead.active:
                    self._take(ahead.next())
                    continue
                waited_for = self._sink.somebody_waits(self.side)
                wait_ms = BUSY_WAIT_MS if waited_for else self._idle_wait_ms
                self._take(stream.fetch(wait_ms), to_the_end=not waited_for)
                if self.more:
                    ahead.begin()
        except Exception as error:
            # Said at once: to end a stream of a frozen server takes as long again as it took to notice
            self.status.change("disconnected", says_what_fails(self.side, error))
            raise
        finally:
            ahead.end()
            stream.close()

    def _take(self, fetched: Fetched, to_the_end: bool = False) -> None:
        """`to_the_end`: where it brings nothing there is nothing."""
        self._read_until = fetched.at - ((fetched.server_time >> 32) - (fetched.read_to >> 32))
        self.more = fetched.full
        continues = self._events.continues(fetched.events)
        before = self._events.place
        changes = self._events.read(fetched.events)
        past = self._leaves_out and fetched.token != self._token
        if past:
            changes.append(Structural(UNREADABLE, ""))  # of whatever collection
        in_transaction = fetched.token_is_event and self._events.transaction is not None
        try:
            self._sink.receive(self.side, fetched, changes, continues, in_transaction)
        except Exception:
            self._events.go_back(before)  # the stream is opened again where it was before this batch
            raise
        # Only what could be handed on shows that the stream goes on: one may open and fail for ever
        if to_the_end or fetched.events or fetched.token != self._token:
            self.status.failures = 0
            self.status.change("connected")
        self._token = fetched.token
        self._after_invalidate = False
        self._broken = 0
        if past:
            self._leaves_out = False
            self._reopen.set()
            log.error(
                "A change event is too large to be read: both sides are compared",
                event_name="event_too_large",
                side=str(self.side),
            )
        for change in changes:
            if isinstance(change, Structural):
                self._structural(change)

    def _suspect(self, error: SyncError) -> None:
        """May the next event be one that no reply can hold? The server says so, or it closes each connection that asks
        for it."""
        closed = isinstance(error, ConnectionDown) and self._answers()
        self._broken = self._broken + 1 if closed else 0
        if isinstance(error, TooLarge) or self._broken >= BROKEN_IN_A_ROW:
            self._leaves_out = True

    def _answers(self) -> bool:
        try:
            self._database.command("ping")
        except PyMongoError:
            return False
        return True

    def _structural(self, change: Structural) -> None:
        if not is_reserved(change.collection):
            log.warning(
                "A structural change is not carried to the other side",
                event_name="structural",
                side=str(self.side),
                operation=change.operation,
                collection=change.collection,
            )
        if change.operation == "invalidate":
            self._after_invalidate = True
            self._reopen.set()

    def _failed(self, error: SyncError) -> None:
        self.more = False  # nothing of it comes at once
        self.status.failures += 1
        self.status.change("disconnected", says_what_fails(self.side, error))
        delay = wait_ms(self.status.failures, self._interval_ms)
        # The first of a row too: error.log has to show when it began, and not each attempt in between
        serious = self.status.failures == 1 or self.status.failures >= self._max_attempts
        (log.error if serious else log.warning)(
            "Change Stream connection failed",
            event_name="stream_failed",
            side=str(self.side),
            attempt=self.status.failures,
            next_in_ms=round(delay),
            error=shorten(str(error)),
        )
        self._stopping.wait(delay / 1000)
