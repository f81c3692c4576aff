"""One period of being the active listener of a device: from taking the lease to losing it or stopping.

Two threads read the streams into one map of dirty keys; the main thread hands keys out as Celery
tasks; others take reports, keep the lease and the tokens, and do the book-keeping in Django.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.bulk import start
from syncapp.bulk.drive import drive
from syncapp.bulk.refusal_watch import RefusalWatch
from syncapp.conf import SyncSettings
from syncapp.engine import origin
from syncapp.engine.errors import HistoryLost, TransientError
from syncapp.engine.values import BOTH, Batch, Side
from syncapp.rules.exclusions import Exclusions
from syncapp.rules.rules import Rules, load_rules
from syncapp.streams import beginning, reports, status
from syncapp.streams.change_stream import Fetched
from syncapp.streams.clock_watch import ClockWatch
from syncapp.streams.dirty_keys import DirtyKeys
from syncapp.streams.dispatcher import Dispatcher
from syncapp.streams.events import Change, EventReader, Found
from syncapp.streams.lease import Lease, LeaseLost
from syncapp.streams.metrics import MetricsBuffer
from syncapp.streams.resume import missing_tokens
from syncapp.streams.safeguards import LOOK_SECONDS, Halted, Safeguards
from syncapp.streams.stream_reader import StreamReader, StreamStatus
from syncapp.streams.threads import Periodic

log = structlog.get_logger(__name__)
IDLE_TOKEN_SECONDS = 10.0  # how often an idle stream's token is saved, so that it stays young
DRAIN_SECONDS = 3.0  # how long a stop waits for the reports of tasks that run
CLOCK_SECONDS = 15.0
REFUSALS_SECONDS = 60.0
HEARTBEAT_SECONDS = 5.0
FILTER_SECONDS = 10.0  # how long a change of the exclusions waits for the streams to take it up


class Session:
    """`send` hands a batch to Celery, and raises OSError or an error of the broker's client."""

    def __init__(
        self,
        settings: SyncSettings,
        databases: dict[Side, Database[Any]],
        device: str,
        lease: Lease,
        rules: Rules,
        send: Callable[[Batch], None],
    ) -> None:
        self._settings = settings
        self._databases = databases
        self._device = device
        self._lease = lease
        self._rules = rules
        self._dirty = DirtyKeys()
        self._changed = threading.Condition()  # guards the map of dirty keys, and tells of its changes
        self._readers: dict[Side, StreamReader] = {}
        self._events: dict[Side, EventReader] = {}
        self._metrics = MetricsBuffer()
        self._clock = ClockWatch(databases, settings.sync_clock_warning)
        self._refusals = RefusalWatch(databases[Side.LOCAL], databases[Side.ATLAS])
        self._over = threading.Event()
        self._error: Exception | None = None
        self._saved: dict[Side, Any] = {}
        self._saved_at = 0.0
        self._owed = False  # pulls are owed that only a comparison finds
        self._waiting_for = ""  # why the streams are not read yet
        self._started_at = dt.datetime.now(dt.UTC)
        self._safeguards = Safeguards(settings, databases, device, self._about)
        report_stream = reports.stream_name(device, lease.epoch)
        reader = reports.ReportReader(reports.connect(settings.celery_broker_url), report_stream)
        self._dispatcher = Dispatcher(
            settings, self._dirty, self._metrics, self._changed, send, reader, self._safeguards
        )

    # Life

    def run(self, stopping: threading.Event) -> None:
        """Be the active listener. Raises LeaseLost or HistoryLost when this session has to end."""
        local = self._databases[Side.LOCAL]
        keeper = self._periodic(
            "lease", max(0.2, self._settings.sync_lease_duration / 10_000), self._keep_lease
        )
        keeper.start()  # first of all: what follows can take longer than the lease lasts
        books = self._periodic("book-keeping", 1.0, self._keep_books)
        others = [
            self._periodic("reports", 0.0, self._take_reports),
            self._periodic("rules", 0.5, self._reload_rules),
            self._periodic("clock", CLOCK_SECONDS, self._clock.measure),
            self._periodic("comparison runs", 1.0, self._drive_runs),
            self._periodic("refusals", REFUSALS_SECONDS, self._refusals.look),
            self._periodic("halts", LOOK_SECONDS, self._safeguards.read_halts),
            self._periodic("heartbeat", HEARTBEAT_SECONDS, self._safeguards.beat),
        ]

        def wait(seconds: float) -> bool:
            return stopping.wait(seconds) or self._over.is_set()

        try:
            self._clock.load()
            books.start()
            begun = None
            if self._safeguards.wait_for_answers(
                say=self._say_waiting, wait=wait, meanwhile=self._drive_runs
            ):
                choice = self._settings.sync_initial_choice
                begun = beginning.begin(self._databases, choice, say=self._say_waiting, wait=wait)
            if begun is None:
                if self._error is not None:
                    raise self._error
                return
            self._rules = begun
            self._try_to(self._clock.measure)
            self._try_to(self._refusals.look)
            if self._rules.enabled:
                start.pay_debts(self._databases, self._rules.exclusions)
            points = start.start_points(self._databases, self._rules.exclusions, self._rules.enabled)
            for side in BOTH:
                self._events[side] = EventReader(
                    side, self._device, self._to_atlas_time, lambda ids: origin.remembered(local, ids)
                )
            for side in BOTH if self._rules.enabled else (Side.LOCAL,):
                self._start_reader(side, points[side])
            for thread in others:
                thread.start()
            while not stopping.is_set() and not self._over.is_set():
                self._dispatcher.hand_out(self._rules, list(self._readers.values()))
            if self._error is not None:
                raise self._error
        finally:
            self._end([keeper, books, *others])

    def _say_waiting(self, text: str) -> None:
        self._waiting_for = text

    def _periodic(self, name: str, seconds: float, act: Callable[[], None]) -> Periodic:
        return Periodic(name, seconds, act, self._is_fatal)

    def _is_fatal(self, error: Exception) -> bool:
        if isinstance(error, LeaseLost | HistoryLost | Halted):
            self._finish(error)
            return True
        return False

    def _finish(self, error: Exception) -> None:
        self._error = self._error or error
        self._over.set()
        with self._changed:
            self._changed.notify_all()

    def _end(self, threads: list[Periodic]) -> None:
        """Stop reading and handing out; what runs may report for a moment; save what can be saved."""
        for reader in self._readers.values():
            reader.stop()
        lost = isinstance(self._error, LeaseLost)
        deadline = time.monotonic() + (0 if lost else DRAIN_SECONDS)
        while time.monotonic() < deadline and self._dirty.tasks:
            time.sleep(0.02)
        for thread in threads:
            thread.stop()
        for reader in self._readers.values():
            if reader.is_alive():
                reader.join(2.0)
        if not lost:
            if not isinstance(self._error, HistoryLost):  # its token was deleted, and must stay so
                self._saved_at = 0.0
                self._try_to(self._keep_lease)
            self._lease.give_back()
        self._try_to(self._keep_books)

    def _try_to(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            log.warning("Not done", event_name="not_done", task=act.__name__, error=str(error)[:500])

    # What the readers call

    def receive(
        self,
        side: Side,
        fetched: Fetched,
        changes: list[Found],
        continues: bool,
        in_transaction: bool,
    ) -> None:
        self._safeguards.look_at(side, changes)
        with self._changed:
            self._dirty.watermarks[side].take_in(
                fetched.token, continues=continues, may_continue=in_transaction
            )
            for change in changes:
                if isinstance(change, Change):
                    self._dirty.mark(change.key, side, change.fact)
                    self._safeguards.changed(change.key, change.fact)
                    if change.fact is not None:
                        self._metrics.saw_event(side.other, change.fact.time)
            self._dirty.passed(side, fetched.read_to)
            self._changed.notify_all()

    def room(self) -> bool:
        return self._dispatcher.room()

    def somebody_waits(self, side: Side) -> bool:
        return self._dirty.waiting > 0

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        def forget_token() -> None:
            start.forget_token(self._databases[Side.LOCAL], side)

        # If the token cannot be deleted the next session meets the same error, and tries again; this one
        # must end in any case, since it has no reader any more
        self._try_to(forget_token)
        self._finish(error)

    def _to_atlas_time(self, local_time: int) -> int:
        return self._clock.offsets.to_atlas_time(local_time, time.monotonic())

    def _start_reader(self, side: Side, token: dict[str, Any]) -> None:
        settings = self._settings
        self._readers[side] = reader = StreamReader(
            side,
            self._databases[side],
            self._events[side],
            self,
            token=token,
            exclusions=self._rules.exclusions,
            batch_size=settings.atlas_change_stream_batch_size,
            interval_ms=settings.change_stream_reconnect_interval,
            max_attempts=settings.change_stream_max_reconnect_attempts,
        )
        reader.start()

    def _take_reports(self) -> None:
        if self._dispatcher.take_reports():
            start.note_owed(self._databases[Side.LOCAL])
            self._owed = True

    # Lease and tokens

    def _keep_lease(self) -> None:
        with self._changed:
            safe = {side: self._dirty.watermarks[side].advance() for side in BOTH}
            idle = not self._dirty.size
        fresh = {side: token for side, token in safe.items() if token and token != self._saved.get(side)}
        # Saving a token writes to the local oplog, which moves the local token: not on and on when idle
        if idle and time.monotonic() - self._saved_at < IDLE_TOKEN_SECONDS:
            fresh = {}
        self._lease.renew(fresh)
        if fresh:
            self._saved |= fresh
            self._saved_at = time.monotonic()
            self._try_to(lambda: status.mirror_tokens(self._device, fresh))

    # Book-keeping

    def _keep_books(self) -> None:
        self._dispatcher.give_up_overdue()
        with self._changed:
            figures = self._figures()
            counted = self._metrics.take()
        try:
            counted.flush()
        except Exception:
            with self._changed:
                self._metrics.merge(counted)
            raise
        stopped = StreamStatus("stopped", since=self._started_at.timestamp())
        streams = {side: self._readers[side].status if side in self._readers else stopped for side in BOTH}
        status.publish(self._device, figures, streams)

    def _about(self) -> dict[str, Any]:
        """What other devices' operators may know of this one, in Atlas."""
        with self._changed:
            figures = self._figures()
        return {
            "host": self._lease.who,
            "pending": figures.queue_size,
            "pullLagMs": figures.pull_lag_ms,
            "pushLagMs": figures.push_lag_ms,
            "clockOffsetMs": figures.clock_offset_ms,
        }

    def _figures(self) -> status.ListenerFigures:
        now = self._to_atlas_time(round(time.time() * 1000))
        lags = {}
        for side in BOTH:
            oldest = self._dirty.oldest_time(side)
            lags[side] = 0 if oldest is None else max(0, now - oldest)
        return status.ListenerFigures(
            epoch=self._lease.epoch,
            holder=self._lease.who,
            started_at=self._started_at,
            queue_size=self._dirty.size,
            in_flight=self._dirty.in_flight,
            pull_lag_ms=lags[Side.ATLAS],
            push_lag_ms=lags[Side.LOCAL],
            clock_offset_ms=self._clock.offsets.current,
            clock_warning=self._clock.warning,
            waiting_for=self._waiting_for,
            halts=[halt.as_document() for halt in self._safeguards.halts],
            heartbeat_ms=dict(self._safeguards.heartbeat.ages_ms),
            loops=self._safeguards.loops,
            loop_at=self._safeguards.loop_at,
            refused=self._refusals.found,
        )

    def _drive_runs(self) -> None:
        if missing_tokens(self._databases[Side.LOCAL], tuple(self._readers)):
            raise HistoryLost("a resume token was deleted: both sides are compared")
        drive(self._databases[Side.LOCAL], self._device, self._settings.sync_report_timeout)

    # Rules

    def _reload_rules(self) -> None:
        rules = load_rules(self._databases[Side.LOCAL])
        before, self._rules = self._rules, rules
        if rules == before and not (self._owed and rules.enabled):
            return
        log.info(
            "Rules changed",
            event_name="rules_changed",
            enabled=rules.enabled,
            paused=rules.paused,
            version=rules.version,
        )
        try:
            self._follow(before, rules)
        except Exception:
            self._rules = before  # tried again, from the start: each step may be repeated
            self._owed = True
            raise
        with self._changed:
            self._dirty.unpark()
            self._changed.notify_all()

    def _follow(self, before: Rules, rules: Rules) -> None:
        """Do what a change of the rules asks for. Every step may be repeated."""
        if before.enabled and not rules.enabled:
            self._stop_pulling()
        for reader in self._readers.values():
            if not reader.reads_with(rules.exclusions):
                reader.change_exclusions(rules.exclusions)
        if not rules.enabled:
            return
        if Side.ATLAS in self._readers and not self._wait_for_filter(rules.exclusions):
            # What the old filter hides until then would neither be compared nor be read
            raise TransientError("Atlas's stream is not open with the new exclusions yet")
        self._owed = False  # first: what is owed from now on is paid next time
        start.pay_debts(self._databases, rules.exclusions)
        points = start.start_points(self._databases, rules.exclusions, True)
        if Side.ATLAS not in self._readers:
            self._start_reader(Side.ATLAS, points[Side.ATLAS])

    def _wait_for_filter(self, exclusions: Exclusions) -> bool:
        deadline = time.monotonic() + FILTER_SECONDS
        while not self._readers[Side.ATLAS].reads_with(exclusions):
            if time.monotonic() > deadline or self._over.wait(0.02):
                return False
        return True

    def _stop_pulling(self) -> None:
        """One-way from now on: what Atlas's stream brought is read again when pulls are allowed."""
        reader = self._readers.pop(Side.ATLAS, None)
        if reader is not None:
            reader.stop()
            reader.join()
        with self._changed:
            token = self._dirty.watermarks[Side.ATLAS].advance()
        if token:
            self._lease.renew({Side.ATLAS: token})
            self._saved[Side.ATLAS] = token
        with self._changed:
            self._dirty.forget(Side.ATLAS)
