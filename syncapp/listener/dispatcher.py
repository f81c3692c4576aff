"""Dispatches dirty keys as Celery tasks, and processes the workers' reports."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

import structlog

from syncapp.apply.messages import Report
from syncapp.apply.queues import QUEUES
from syncapp.apply.reports import BrokerAway, ReportReader
from syncapp.conf.broker import refuses_login
from syncapp.conf.settings import SyncSettings
from syncapp.core.clock import steady_s
from syncapp.core.values import BOTH, Batch, Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.dirty_keys import DirtyKeys, Load, Settled
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.telemetry import journey
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.listener.telemetry.stuck import StuckChanges
from syncapp.listener.telemetry.work_watch import WorkWatch
from syncapp.mongo.error_text import describe
from syncapp.rules.rules import Rules
from syncapp.store.halts import stopped_sides

log = structlog.get_logger(__name__)
TASKS_PER_WORKER = 4  # queued, running or not reporting, at most
TASKS_NAMED = 20  # in a line of the log
BACK_MS = 10  # whether a broker is back is not known before a look has ended
LEAST_SHARE = 100  # batches below this are not split among idle workers
# How many times SYNC_REPORT_TIMEOUT a task may take at most. If tasks are queued for longer than the timeout, each
# would be superseded before its turn, and nothing would ever be done
MOST_PATIENCE = 32


class Reading(Protocol):
    """What is to be known of a stream's reader."""

    more: bool  # more is there than was read

    @property
    def lag_seconds(self) -> float: ...

    @property
    def first_lag_seconds(self) -> float: ...

    def is_alive(self) -> bool: ...


class Dispatcher:
    """One thread dispatches; others process reports and watch for overdue tasks."""

    def __init__(
        self,
        settings: SyncSettings,
        dirty: DirtyKeys,
        metrics: MetricsBuffer,
        send: Callable[[Batch], None],
        reports: ReportReader,
        safeguards: Safeguards,
        intervals: Intervals,
        refused: Callable[[str], None] = lambda collection: None,
    ) -> None:
        """`refused` is called with a collection that a worker found to be not synchronisable."""
        self._settings = settings
        self._dirty = dirty
        self._metrics = metrics
        self._send = send
        self._reports = reports
        self._safeguards = safeguards
        self._intervals = intervals
        self._refused = refused
        self.stuck = StuckChanges(intervals)
        self.watch = WorkWatch(intervals)
        self._patience = 1
        self._rules_version = 0
        self._awaited_version = 0  # of workers, and not seen here yet
        self._broker_down = False
        self._complained_at = float("-inf")

    def follow(self, rules: Rules) -> None:
        """New rules: what was not allowed may be allowed now."""
        self._rules_version = rules.version
        self._dirty.follow(rules.version, rules.urgency)

    def hand_out(self, rules: Rules, readers: Iterable[Reading]) -> None:
        """Send one batch if one is due; otherwise wait until something changes."""
        now = time.monotonic()
        load = self._dirty.look(now, self._intervals.busy)
        batch = self._next_batch(load, rules, [reader for reader in readers if reader.is_alive()], now)
        if batch is None:
            self._dirty.wait(load.version, self._intervals.idle)
        elif self._try_to_send(batch):
            journey.handed_out(batch)
        else:
            self._dirty.give_up([batch.task_id])
            time.sleep(self._intervals.broker)

    def _try_to_send(self, batch: Batch) -> bool:
        try:
            self._send(batch)
        except Exception as error:  # the broker's client raises many kinds
            self._broker_down = True
            self.watch.broker_failed("send", _why(error))
            if time.monotonic() - self._complained_at > self._intervals.complain:
                self._complained_at = time.monotonic()
                log.warning(
                    "Cannot enqueue: the broker is unavailable",
                    event_name="broker_down",
                    task=batch.task_id,
                    error=describe(error),
                )
            return False
        self.watch.broker_answered("send")
        self.watch.sent(batch.side)
        return True

    def ask_workers(self, sides: Iterable[Side]) -> None:
        """Send an empty batch to workers that have not reported for long: they answer if they are up. Raises
        BrokerAway."""
        for side in self.watch.to_ask(sides):
            if self._reports.count_waiting(QUEUES[side]):
                self.watch.sent(side)  # a live worker answers that
            else:
                self._try_to_send(self._question(side))

    def _question(self, side: Side) -> Batch:
        nothing = dict.fromkeys(BOTH, 0)
        reply_to, device = self._reports.stream, self._safeguards.device
        return Batch(uuid.uuid4().hex, side, "", (), nothing, device=device, reply_to=reply_to)

    def _next_batch(self, load: Load, rules: Rules, readers: list[Reading], now: float) -> Batch | None:
        if not load.keys:
            return None
        full = load.keys >= self._settings.sync_max_dirty_keys
        reads_on = not full and self._reads_on(load, readers)
        first_only = reads_on and self._first_are_known(load, readers)
        limit = 0 if reads_on and not first_only else self._limit(load, rules, first_only)
        task_id = self._dirty.new_task_id()
        taken = self._dirty.take(task_id, limit, now, first_only) if limit else None
        if taken is None:
            return None
        return Batch(
            task_id,
            taken.side,
            taken.collection,
            tuple(taken.items),
            taken.read_to,
            hurry=full or first_only,
            gathered=taken.gathered,
            halted=stopped_sides(self._safeguards.halts, taken.collection),
            rules_version=rules.version,
            device=self._safeguards.device,
            reply_to=self._reports.stream,
        )

    def _reads_on(self, load: Load, readers: list[Reading]) -> bool:
        """Is more read before anything is dispatched?"""
        if not any(reader.more for reader in readers):
            return False
        if any(reader.lag_seconds > self._intervals.lag for reader in readers):
            return True  # facts known this early are mostly outdated: the key would have to wait
        return load.fullest < self._settings.sync_apply_batch_size  # larger batches cost less

    def _first_are_known(self, load: Load, readers: list[Reading]) -> bool:
        """May what goes first be dispatched meanwhile? It has been read past the backlog."""
        return load.first > 0 and all(reader.first_lag_seconds <= self._intervals.lag for reader in readers)

    def _limit(self, load: Load, rules: Rules, first_only: bool) -> int:
        """How many keys may be dispatched in one batch now; 0: none."""
        limit = self._settings.sync_apply_batch_size
        workers = max(self._settings.sync_apply_workers, self.watch.count_workers())
        most = TASKS_PER_WORKER * workers
        if load.first:
            most += workers  # what waits for a server that is away may hold all the others
        if rules.paused or load.tasks >= most:
            return 0
        ready = load.first if first_only else load.fullest
        idle = workers - load.at_work
        if idle > 0:
            return min(limit, max(LEAST_SHARE, math.ceil(ready / idle)))
        # Every worker is busy: what waits here comes together in one batch, but for what goes first. One more for each may
        # wait; of what waits for longer too little is known when its turn comes
        together = not first_only and load.fullest < limit
        return 0 if together or idle <= -workers else limit

    def take_reports(self, wait_ms: int = 1_000) -> int:
        """Wait for reports and process them. Returns the number of pending pulls without an event.

        Raises BrokerAway if the broker is down.
        """
        if self._broker_down:
            wait_ms = min(wait_ms, BACK_MS)
        try:
            arrived = self._reports.read(wait_ms)
        except BrokerAway as error:
            self._broker_down = True
            self.watch.broker_failed("read", _why(error))
            time.sleep(self._intervals.broker)
            raise
        self.watch.broker_answered("read")
        self.watch.heard(arrived)
        self._look_at_rules(arrived)
        for report in arrived:
            self._metrics.add(report)
        settled = self._dirty.finish(arrived, time.monotonic())
        for report, end in zip(arrived, settled, strict=True):
            self._note(report, end)
        if redelivered := [report.task_id for report in arrived if report.redelivered]:
            self._take_back(redelivered)
        if self._broker_down:
            self._ask_again()
        return sum(end.owed for end in settled)

    def _note(self, report: Report, end: Settled) -> None:
        keys = end.keys
        journey.reported(report, superseded=not keys)
        self._safeguards.moved([keys[place] for place in report.moved if keys])
        collection = keys[0].collection if keys else ""
        if not report.redelivered:  # whether the worker can work is not known
            self.stuck.heard(report, collection, steady_s())
        if keys and report.refused:
            self._refused(collection)
        if keys and report.endings:
            self._patience = 1

    def _look_at_rules(self, arrived: Iterable[Report]) -> None:
        newest = max((report.rules_version for report in arrived), default=0)
        if newest > self._rules_version and newest != self._awaited_version:
            self._awaited_version = newest
            log.info(
                "A worker has newer rules: keys wait until the listener has read them",
                event_name="newer_rules",
                version=newest,
            )

    def _ask_again(self) -> None:
        """A broker that was down may have lost tasks and reports: re-queue all keys."""
        self._reports.come_back()
        self._broker_down = False
        given_up = self._dirty.give_up(self._dirty.task_ids())
        log.warning(
            "The broker is available again",
            event_name="broker_back",
            keys_asked_again=given_up.keys,
            tasks=given_up.task_ids[:TASKS_NAMED],
        )
        self._tell_workers(given_up.task_ids)

    def give_up_overdue(self) -> None:
        """Tasks without a keep-alive count as lost."""
        before = time.monotonic() - self._patience * self._settings.sync_report_timeout / 1000
        late = self._dirty.overdue(before)
        given_up = self._dirty.give_up(late, self._begun(late), silent_since=before)
        if given_up.task_ids:
            self._patience = min(MOST_PATIENCE, 2 * self._patience)
            log.warning(
                "Tasks timed out, keys re-queued",
                event_name="tasks_overdue",
                keys=given_up.keys,
                tasks=given_up.task_ids[:TASKS_NAMED],
            )
            self._tell_workers(given_up.task_ids)

    def _take_back(self, redelivered: list[str]) -> None:
        """Tasks whose workers have ended with them, or before they began them."""
        given_up = self._dirty.give_up(redelivered, self._begun(redelivered), now=time.monotonic())
        if given_up.task_ids:
            log.info(
                "Tasks came back from the broker, keys re-queued",
                event_name="tasks_redelivered",
                keys=given_up.keys,
                tasks=given_up.task_ids[:TASKS_NAMED],
            )

    def _begun(self, overdue: Collection[str]) -> Collection[str]:
        try:
            return self._reports.begun(overdue) if overdue else ()
        except BrokerAway:
            return ()

    def close(self) -> None:
        self._reports.close()

    def _tell_workers(self, given_up: list[str]) -> None:
        """Tasks that were not lost, but are queued or retried, must not pile up in the broker."""
        try:
            if given_up:
                self._reports.give_up(given_up)
        except BrokerAway as error:
            # Then they are done twice, which is harmless
            log.warning(
                "Superseded tasks not announced to the workers",
                event_name="give_up_lost",
                error=describe(error),
            )


def _why(error: Exception) -> str:
    text = describe(error)
    return f"it refuses the login ({text})" if refuses_login(text) else text
