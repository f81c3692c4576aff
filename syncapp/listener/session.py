"""One period of being the active listener of a device: from taking the lease to losing it or stopping.

Two threads read the streams into one map of dirty keys; the main thread hands keys out as Celery
tasks; others take reports, keep the lease and the tokens, and do the book-keeping in Django.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.apply import reports
from syncapp.compare.refusal_watch import RefusalWatch
from syncapp.conf.settings import SyncSettings
from syncapp.core.changes import JUDGED, Change, Found, Structural
from syncapp.core.exclusions import Exclusions
from syncapp.core.values import BOTH, Batch, Side
from syncapp.listener import beginning, status
from syncapp.listener.catching_up import catch_up
from syncapp.listener.clock_watch import ClockWatch
from syncapp.listener.dirty_keys import DirtyKeys
from syncapp.listener.dispatcher import Dispatcher
from syncapp.listener.following import Following
from syncapp.listener.metrics import MetricsBuffer
from syncapp.listener.readers import Readers
from syncapp.listener.runs import drive, mirror_runs
from syncapp.listener.safeguards import LOOK_SECONDS, Halted, Safeguards
from syncapp.listener.threads import Periodic
from syncapp.listener.tokens import Tokens
from syncapp.mongo.change_stream import Fetched
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import HistoryLost
from syncapp.rules.rules import Rules
from syncapp.store.lease import Lease, LeaseLost
from syncapp.store.tokens import forget_token, missing_tokens

log = structlog.get_logger(__name__)
DRAIN_SECONDS = 3.0  # how long a stop waits for the reports of tasks that run
RULES_SECONDS = 1.0
RUNS_SECONDS = 2.0
CLOCK_SECONDS = 15.0
REFUSALS_SECONDS = 60.0
HEARTBEAT_SECONDS = 5.0
MIRROR_SECONDS = 2.0
CATCH_UP_SECONDS = 5.0
ASK_SECONDS = 2.0  # how often it is looked whether workers should be asked
LAST_SECONDS = 3.0  # how long a stop waits for Django's database
STRUCTURAL_SECONDS = 1.0  # between two attempts to judge what was dropped or renamed
AT_REST_SECONDS = 0.02  # between two looks whether its collection is at rest


class Session:
    """`send` hands a batch to Celery, and raises OSError or an error of the broker's client."""

    def __init__(
        self,
        settings: SyncSettings,
        databases: dict[Side, Database[Any]],
        device: str,
        lease: Lease,
        send: Callable[[Batch], None],
        load_rules: Callable[[], Rules],
    ) -> None:
        self._settings = settings
        self._databases = databases
        self._device = device
        self._lease = lease
        self._load_rules = load_rules
        self._begun: Callable[[], None] = lambda: None
        self._dirty = DirtyKeys()
        self._changed = threading.Condition()  # guards the map of dirty keys, and tells of its changes
        self._metrics = MetricsBuffer()
        self._publisher = status.Publisher(device)
        self._clock = ClockWatch(databases, settings.sync_clock_warning)
        self._refusals = RefusalWatch(databases[Side.LOCAL], databases[Side.ATLAS])
        self._over = threading.Event()
        self._structural = threading.Event()  # something was dropped or renamed
        self._refusal = threading.Event()  # a worker found a refused collection that is not known yet
        self._error: Exception | None = None
        self._waiting_for = ""  # why the streams are not read yet
        self._started_at = dt.datetime.now(dt.UTC)
        self._safeguards = Safeguards(settings, databases, device, self._about)
        self._tokens = Tokens(lease, device, self._dirty, self._changed, settings.ease)
        self._readers = Readers(settings, databases, device, self, self._clock.to_atlas_time)
        self._following = Following(
            databases, load_rules, self._readers, self._tokens, self._over, self._rules_changed, settings.ease
        )
        report_stream = reports.stream_name(device, lease.epoch)
        reader = reports.ReportReader(reports.connect(settings.celery_broker_url), report_stream)
        self._dispatcher = Dispatcher(
            settings, self._dirty, self._metrics, self._changed, send, reader, self._safeguards, self._refused
        )

    # Life

    def run(self, stopping: threading.Event, begun: Callable[[], None] = lambda: None) -> None:
        """Be the active listener. `begun` is told when it reads the streams, or waits for a person. Raises LeaseLost,
        HistoryLost or Halted when this session has to end."""
        keeper = self._periodic(
            "lease", max(0.2, self._settings.sync_lease_duration / 10_000), self._tokens.keep
        )
        keeper.start()  # first of all: what follows can take longer than the lease lasts
        self._begun = begun
        # Threads of their own, since Django's database may be away, or freeze
        books = [
            self._periodic("book-keeping", 1.0, self._keep_books),
            self._periodic("mirrors", MIRROR_SECONDS, self._mirror),
            self._periodic("catching up", CATCH_UP_SECONDS, self._catch_up),
        ]
        others = [
            self._periodic("overdue tasks", 1.0, self._dispatcher.give_up_overdue),
            self._periodic("workers", ASK_SECONDS, self._ask_workers),
            self._periodic("reports", 0.0, self._take_reports),
            self._periodic("rules", RULES_SECONDS, self._following.reload),
            self._periodic("clock", CLOCK_SECONDS, self._clock.measure),
            self._periodic("comparison runs", RUNS_SECONDS, self._drive_runs),
            self._periodic("refusals", 0.0, self._look_for_refusals),
            self._periodic("halts", LOOK_SECONDS, self._look_at_halts),
            self._periodic("structural changes", 0.0, self._judge_structural),
            self._periodic("heartbeat", HEARTBEAT_SECONDS, self._safeguards.beat),
        ]

        def wait(seconds: float) -> bool:
            return stopping.wait(seconds) or self._over.is_set()

        try:
            self._clock.load()
            for thread in books:
                thread.start()
            rules = None
            if self._safeguards.wait_for_answers(
                say=self._say_waiting, wait=wait, meanwhile=self._drive_runs
            ):
                choice = self._settings.sync_initial_choice
                rules = beginning.begin(
                    self._databases, self._load_rules, choice, say=self._say_waiting, wait=wait
                )
            if rules is None:
                if self._error is not None:
                    raise self._error
                return
            self._try_to(self._clock.measure)
            self._try_to(self._refusals.look)
            self._following.begin(rules)
            self._dispatcher.follow(rules)
            begun()
            for thread in others:
                thread.start()
            while not stopping.is_set() and not self._over.is_set():
                self._dispatcher.hand_out(self._following.rules or rules, self._readers.all())
            if self._error is not None:
                raise self._error
        finally:
            self._end([keeper, *books, *others])

    def _say_waiting(self, text: str) -> None:
        self._waiting_for = text
        if text:
            self._begun()

    def _periodic(self, name: str, seconds: float, act: Callable[[], None]) -> Periodic:
        return Periodic(name, seconds * self._settings.ease, act, self._is_fatal)

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
        self._readers.stop_all()
        lost = isinstance(self._error, LeaseLost)
        deadline = time.monotonic() + (0 if lost else DRAIN_SECONDS)
        while time.monotonic() < deadline and self._dirty.tasks:
            time.sleep(0.02)
        for thread in threads:
            thread.stop()
        self._over.set()
        self._refusal.set()  # it would wait for long
        self._readers.join_all(2.0)
        if not lost:
            if not isinstance(self._error, HistoryLost):  # its token was deleted, and must stay so
                self._try_to(partial(self._tokens.keep, at_last=True))
            self._lease.give_back()
        last = threading.Thread(target=self._try_to, args=(self._write_last,), daemon=True)
        last.start()
        last.join(LAST_SECONDS)

    def _try_to(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:
            log.warning("Not done", event_name="not_done", error=describe(error))

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
                elif isinstance(change, Structural) and change.operation in JUDGED:
                    self._dirty.change_structure(side, change)
                    self._structural.set()
            self._dirty.passed(side, fetched.read_to)
            if changes or self._dirty.size:
                self._changed.notify_all()

    def room(self) -> bool:
        return self._dispatcher.room()

    def somebody_waits(self, side: Side) -> bool:
        return self._dirty.waiting > 0

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        # If the token cannot be deleted the next session meets the same error, and tries again; this one
        # must end in any case, since it has no reader any more
        self._try_to(partial(forget_token, self._databases[Side.LOCAL], side))
        self._finish(error)

    def _judge_structural(self) -> None:
        """Judge what was dropped or renamed, once what is in flight of it has ended."""
        self._structural.wait(STRUCTURAL_SECONDS)
        with self._changed:
            pending = self._dirty.structural_due()
            if not self._dirty.structural:
                self._structural.clear()
        if pending is None:
            self._over.wait(AT_REST_SECONDS if self._structural.is_set() else 0)
            return
        rules = self._following.rules
        try:
            self._safeguards.judge(pending, rules.exclusions if rules else Exclusions())
        except Exception:
            self._over.wait(STRUCTURAL_SECONDS)  # nothing of it moves until then
            raise
        with self._changed:
            self._dirty.end_structural(pending)
            self._changed.notify_all()

    def _take_reports(self) -> None:
        if self._dispatcher.take_reports(1_000 * self._settings.ease):
            self._following.note_owed()

    def _refused(self, collection: str) -> None:
        if collection not in self._refusals.found:
            self._refusal.set()

    def _look_for_refusals(self) -> None:
        self._refusal.wait(REFUSALS_SECONDS)
        self._refusal.clear()
        if not self._over.is_set():
            self._refusals.look()

    def _look_at_halts(self) -> None:
        self._safeguards.look_at_halts(busy=self._dirty.size > 0)

    def _rules_changed(self, rules: Rules) -> None:
        self._dispatcher.follow(rules)

    # Book-keeping

    def _keep_books(self) -> None:
        with self._changed:
            figures = self._figures()
            counted = self._metrics.take()
        try:
            counted.flush()
        except Exception:
            with self._changed:
                self._metrics.merge(counted)
            raise
        self._publisher.publish(figures, self._readers.statuses())

    def _mirror(self) -> None:
        self._tokens.mirror()
        mirror_runs(self._databases[Side.LOCAL], self._device)

    def _write_last(self) -> None:
        self._keep_books()
        self._mirror()

    def _catch_up(self) -> None:
        catch_up(self._databases[Side.LOCAL], self._device)

    def _ask_workers(self) -> None:
        self._dispatcher.ask_workers(self._readers.sides)

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
        now = self._clock.to_atlas_time(round(time.time() * 1000))
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
            stuck=[one.as_document() for one in self._dispatcher.stuck.of(self._dirty, time.time())],
            stops=self._dispatcher.watch.stops(),
        )

    def _drive_runs(self) -> None:
        if missing_tokens(self._databases[Side.LOCAL], self._readers.sides):
            raise HistoryLost("a resume token was deleted: both sides are compared")
        drive(self._databases[Side.LOCAL], self._settings.sync_report_timeout)
