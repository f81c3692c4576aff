"""Hands dirty keys out as Celery tasks, and takes the workers' reports."""

from __future__ import annotations

import itertools
import math
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

import structlog
from redis import RedisError

from syncapp.apply.messages import Report
from syncapp.apply.queues import QUEUES
from syncapp.apply.reports import ReportReader
from syncapp.conf.broker import refuses_login
from syncapp.conf.settings import SyncSettings
from syncapp.core.content import document_key
from syncapp.core.values import Batch, Ending, Side, WorkItem
from syncapp.listener.dirty_keys import DirtyKeys
from syncapp.listener.metrics import MetricsBuffer
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.stream_reader import StreamReader
from syncapp.listener.stuck import StuckChanges
from syncapp.listener.work_watch import ASK_SECONDS, WorkWatch
from syncapp.mongo.error_text import describe
from syncapp.rules.rules import Rules
from syncapp.store.halts import stopped_sides

log = structlog.get_logger(__name__)
CATCHING_UP_SECONDS = 1.0  # a stream that lags more is read ahead before keys are handed out
IDLE_SECONDS = 0.25  # between two looks while nothing changes
BROKER_PAUSE_SECONDS = 0.5
BUSY_SECONDS = 1.0  # a task that has not spoken for so long may be lost, and keeps no other one waiting
WORKER_SECONDS = 60.0  # a worker's process that has not reported for so long is not counted
TASKS_PER_WORKER = 4  # that wait or run, or are silent, at most
LEAST_SHARE = 100  # keys that are not shared out among workers who have nothing else to do
# How many times SYNC_REPORT_TIMEOUT a task may take at most. Where tasks wait for longer than the timeout, each would be
# given up before its turn, and nothing would ever be done
MOST_PATIENCE = 32
COMPLAIN_SECONDS = 30.0  # a broker that stays away is in the log now and then


class Dispatcher:
    """`changed` guards the map of dirty keys and the metrics, and is notified when they change."""

    def __init__(
        self,
        settings: SyncSettings,
        dirty: DirtyKeys,
        metrics: MetricsBuffer,
        changed: threading.Condition,
        send: Callable[[Batch], None],
        reports: ReportReader,
        safeguards: Safeguards,
        refused: Callable[[str], None] = lambda collection: None,
    ) -> None:
        """`refused` is told of a collection that a worker found to be one that cannot be synchronised."""
        self._settings = settings
        self._dirty = dirty
        self._metrics = metrics
        self._changed = changed
        self._send = send
        self._reports = reports
        self._safeguards = safeguards
        self._refused = refused
        self.stuck = StuckChanges()
        self._heard: dict[str, float] = {}  # worker's process → when it reported last
        self._patience = 1
        self.watch = WorkWatch(ask_seconds=ASK_SECONDS * settings.ease)
        self._rules_version = 0
        self._awaited_version = 0  # of workers, and not seen here yet
        self._broker_down = False
        self._complained_at = float("-inf")

    def room(self) -> bool:
        """May more be read ahead? Keys that wait for a stream must not keep it from being read on."""
        with self._changed:  # the count walks through the map, which other threads change
            return self._dirty.size - self._dirty.waiting < self._settings.sync_max_dirty_keys

    def follow(self, rules: Rules) -> None:
        """These rules hold now: what was not allowed may be allowed."""
        with self._changed:
            self._rules_version = rules.version
            self._dirty.unpark()
            self._changed.notify_all()

    def hand_out(self, rules: Rules, readers: Iterable[StreamReader]) -> None:
        """Send one batch if one should go out now; else wait until something changes."""
        with self._changed:
            batch = self._next_batch(rules, [reader for reader in readers if reader.is_alive()])
            if batch is None:
                self._changed.wait(IDLE_SECONDS * self._settings.ease)
                return
        if not self._try_to_send(batch):
            with self._changed:
                self._dirty.give_up([batch.task_id])
            time.sleep(BROKER_PAUSE_SECONDS)

    def _try_to_send(self, batch: Batch) -> bool:
        try:
            self._send(batch)
        except Exception as error:  # the broker's client has many
            self._broker_down = True
            with self._changed:
                self.watch.broker_failed("send", _why(error))
            if time.monotonic() - self._complained_at > COMPLAIN_SECONDS:
                self._complained_at = time.monotonic()
                log.warning("The broker takes no task", event_name="broker_down", error=describe(error))
            return False
        with self._changed:
            self.watch.broker_answered("send")
            self.watch.sent(batch.side)
        return True

    def ask_workers(self, sides: Iterable[Side]) -> None:
        """Send a batch without keys to workers that have been silent for long: they answer if they are there. Raises
        RedisError."""
        with self._changed:
            silent = self.watch.to_ask(sides)
        for side in silent:
            if self._reports.count_waiting(QUEUES[side]):
                with self._changed:
                    self.watch.sent(side)  # somebody who is there answers to that
            else:
                self._try_to_send(self._batch(uuid.uuid4().hex, side, "", ()))

    def _next_batch(self, rules: Rules, readers: list[StreamReader]) -> Batch | None:
        limit = self._settings.sync_apply_batch_size
        now = time.monotonic()
        self._dirty.due(now)
        workers = self._count_workers(now)
        if rules.paused or len(self._dirty.tasks) >= TASKS_PER_WORKER * workers:
            return None
        full = not self.room()
        if not full and any(reader.more for reader in readers):
            if any(reader.lag_seconds > CATCHING_UP_SECONDS for reader in readers):
                return None  # what is known of a key so early is mostly out of date: it would have to wait
            if self._dirty.fullest() < limit:
                return None  # more comes at once, and larger batches cost less
        idle = workers - self._dirty.at_work(now - BUSY_SECONDS, now)
        if idle > 0:
            limit = min(limit, max(LEAST_SHARE, math.ceil(self._dirty.fullest() / idle)))
        elif self._dirty.fullest() < limit or idle <= -workers:
            # Every worker is busy: what waits here comes together in one batch. One more for each may wait; of what
            # waits for longer too little is known when its turn comes
            return None
        task_id = uuid.uuid4().hex
        taken = self._dirty.take(task_id, limit, now)
        if taken is None:
            return None
        side, collection, items = taken
        return replace(
            self._batch(task_id, side, collection, items),
            hurry=full,
            gathered=self._dirty.tasks[task_id].gathered,
            halted=stopped_sides(self._safeguards.halts, collection),
            rules_version=rules.version,
        )

    def _batch(self, task_id: str, side: Side, collection: str, items: Iterable[WorkItem]) -> Batch:
        return Batch(
            task_id,
            side,
            collection,
            tuple(items),
            read_to=dict(self._dirty.read_to),
            device=self._safeguards.device,
            reply_to=self._reports.stream,
        )

    def _count_workers(self, now: float) -> int:
        """The processes that apply changes: as many as a worker has, or as report, where there are several workers."""
        self._heard = {name: at for name, at in self._heard.items() if at > now - WORKER_SECONDS}
        return max(self._settings.sync_apply_workers, len(self._heard))

    def take_reports(self, wait_ms: int = 1_000) -> int:
        """Wait for reports and act on them. Returns how many pulls are owed that no event stands for.

        Raises RedisError if the broker is away.
        """
        try:
            arrived = self._reports.read(wait_ms)
        except RedisError as error:
            self._broker_down = True
            with self._changed:
                self.watch.broker_failed("read", _why(error))
            time.sleep(BROKER_PAUSE_SECONDS)
            raise
        now = time.monotonic()
        owed = 0
        with self._changed:
            self.watch.broker_answered("read")
            for report in arrived:
                self.watch.heard(report)
                self._metrics.add(report)
                self._heard[report.worker] = now
                keys = self._dirty.keys_of(report.task_id)
                self._dirty.answered += not keys and not report.error
                self._safeguards.moved(keys[place] for place in report.moved if keys)
                collection = keys[0].collection if keys else ""
                self.stuck.heard(report, collection, time.time())
                if keys and report.refused:
                    self._refused(collection)
                self._dirty.alive(report.task_id, now + report.silent_ms / 1000)
                endings = self._endings(report)
                ends = zip(keys, endings, map(report.seen.get, itertools.count()), strict=False)
                # Of a task that was given up nothing counts
                partners = report.partners if keys else ()
                others = {document_key(keys[0].collection, one): seen for one, seen in partners}
                owed += self._dirty.finish(report.task_id, ends, now, others)
                if keys and report.endings:
                    self._patience = 1
            if arrived:
                self._changed.notify_all()
        if self._broker_down:
            self._ask_again()
        return owed

    def _endings(self, report: Report) -> Iterable[Ending]:
        """That nothing was to be done, or that a pull was not allowed, holds for the rules that said so. A worker may
        have older ones than the listener, or newer ones, which may even be gone before the listener sees them."""
        if report.rules_version == self._rules_version:
            return report.endings
        newer = report.rules_version > self._rules_version
        if newer and report.rules_version != self._awaited_version:
            self._awaited_version = report.rules_version
            log.info(
                "A worker has newer rules: what they do not allow waits for the listener to read them",
                event_name="newer_rules",
                version=report.rules_version,
            )
        other = Ending.LATER if newer else Ending.AGAIN
        return [
            other if ending in (Ending.DONE, Ending.OWED) and place not in report.moved else ending
            for place, ending in enumerate(report.endings)
        ]

    def _ask_again(self) -> None:
        """A broker that was away may have lost tasks and reports: hand all keys out again."""
        self._reports.come_back()
        self._broker_down = False
        with self._changed:
            tasks = list(self._dirty.tasks)
            count = self._dirty.give_up(tasks)
            self._changed.notify_all()
        log.warning("The broker is back", event_name="broker_back", keys_asked_again=count)
        self._tell_workers(tasks)

    def give_up_overdue(self) -> None:
        """Tasks that show no sign of life are taken for lost."""
        before = time.monotonic() - self._patience * self._settings.sync_report_timeout / 1000
        with self._changed:
            late = self._dirty.overdue(before)
        begun = self._begun(late)
        with self._changed:
            overdue = self._dirty.overdue(before)
            count = self._dirty.give_up(overdue, begun)
            if overdue:
                self._patience = min(MOST_PATIENCE, 2 * self._patience)
                self._changed.notify_all()
        if overdue:
            log.warning("Tasks did not report and are asked again", event_name="tasks_overdue", keys=count)
            self._tell_workers(overdue)

    def _begun(self, overdue: Collection[str]) -> Collection[str]:
        try:
            return self._reports.begun(overdue) if overdue else ()
        except RedisError:
            return ()

    def _tell_workers(self, given_up: list[str]) -> None:
        """What was not lost, but waits or is tried again and again, must not pile up in the broker."""
        try:
            if given_up:
                self._reports.give_up(given_up)
        except RedisError as error:
            # Then it is done twice, which changes nothing
            log.warning("Workers could not be told", event_name="give_up_lost", error=describe(error))


def _why(error: Exception) -> str:
    text = describe(error)
    return f"it refuses the login ({text})" if refuses_login(text) else text
