"""The state of an apply worker process between tasks: connections, rules, and the change processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError

from syncapp.apply.blame import Blame
from syncapp.apply.messages import Report
from syncapp.apply.reporter import get_reporter
from syncapp.compare.refusal_watch import note_refused
from syncapp.conf.settings import get_settings
from syncapp.core.values import Batch, Ending, Outcome, Side
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.mirror.conflicts import copy_some
from syncapp.mirror.kept import end_kept
from syncapp.mirror.rejected import record_rejections
from syncapp.mongo.connect import NewConnections
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import (
    ConnectionDown,
    Misconfigured,
    OutOfRoom,
    RulesOutOfDate,
    Unexplained,
    cause_of,
)
from syncapp.mongo.sides import connect_side, of_side
from syncapp.mongo.transaction import translated
from syncapp.process.django_calls import DjangoCalls
from syncapp.rules.current import CurrentRules
from syncapp.rules.refusals import RefusalCheck
from syncapp.rules.source import RulesSource
from syncapp.safety.travel_check import TravelCheck
from syncapp.store import rejected as pending
from syncapp.store.format import check_format
from syncapp.store.halts import load_halts, stopped_sides
from syncapp.store.instance import instance_id

log = structlog.get_logger(__name__)
ALIVE_SECONDS = 5.0  # between signs of life; more often where a task is given up sooner
DATABASE_RETRIES = 3  # while Django's database does not answer, before the keys are re-queued
COMPLAIN_SECONDS = 30.0
RECORDED_AT_ONCE = 50  # rejected changes
LOGGED_REASONS = 5  # of the conflicts of one batch; the list of conflicts has all
LEAST_LOSSES = 3  # of a process with the same document alone: a single one may have any cause
ENDS_PROCESSES = (
    "The worker process ended each time it processed this document alone (out of memory, or a crash): see the "
    "workers' log"
)


class Worker:
    """Applies batches. One per process: neither PyMongo nor Redis connections survive a fork."""

    def __init__(self) -> None:
        settings = get_settings()
        settings.require("MONGODB_URI", "MONGODB_ATLAS_URI", "CELERY_BROKER_URL")
        self._most_attempts = settings.sync_apply_max_attempts
        self._blame = Blame(self._most_attempts)
        connections = NewConnections()
        timeout = settings.sync_socket_timeout
        self._local = connect_side(Side.LOCAL, settings.mongodb_uri, "worker", timeout, connections)
        self._reporter = get_reporter()
        with of_side(self._local):
            check_format(self._local)
            self.device = instance_id(self._local)
        atlas = connect_side(Side.ATLAS, settings.mongodb_atlas_uri, "worker", timeout, connections)
        self._check_time_travel = TravelCheck(self._local, atlas, self.device, connections)
        self._refusals = RefusalCheck(self._local, atlas)
        self._processor = ChangeProcessor(
            self._local,
            atlas,
            self.device,
            max_bytes=settings.sync_apply_batch_bytes,
            marker_keep_hours=settings.origin_tracking_keep_hours,
            at=self._at,
            interrupts=(SoftTimeLimitExceeded,),
        )
        self._rules = CurrentRules(RulesSource(lambda: self._local).load)
        self._django = DjangoCalls()
        self._complained_at = float("-inf")
        self._batch: Batch | None = None
        self._spoke_at = 0.0
        self._silence = min(ALIVE_SECONDS, settings.sync_report_timeout / 4_000)  # seconds

    def attempt(self, batch: Batch, retries: int = 0) -> Exception | None:
        """Process a batch, and re-queue what fails, so that it occupies no worker and no queue slot during its
        delay. Returns why the task itself has to be retried: a connection failure, which does not count.

        `retries`: of this task so far.
        """
        try:
            self.apply(batch)
        except Exception as raised:
            error = cause_of(raised)
            locked = isinstance(raised, DatabaseError) and retries < DATABASE_RETRIES
            if isinstance(error, ConnectionDown) or locked:
                return raised
            log.warning(
                "Retries exhausted, keys re-queued",
                event_name="task_given_back",
                error=_why(raised),
                exc_info=isinstance(error, Unexplained),
            )
            self.hand_back(batch, raised)
        return None

    def apply(self, batch: Batch) -> list[Outcome]:
        """Process a batch and report. Raises ConnectionDown: retry the task; and external interrupts, such as
        a time limit, or DatabaseError."""
        started = time.monotonic()
        if not self._reporter.begin(batch):
            log.info("Superseded task skipped", event_name="task_left")
            self._reporter.alive(batch)
            return []
        self._batch, self._spoke_at = batch, started
        rules = self._rules.at_least(batch.rules_version)
        halted = self._halted(batch, rules.halted(batch.collection))
        policy = rules.policy(batch.collection, halted)
        refused = self._refuse(batch)
        outcomes = refused or self._spare(batch) or self._processor.process(batch, policy)
        if any(one.ending is Ending.REJECTED for one in outcomes):
            # MongoDB 4.4 says it of each document when the collection has become capped
            self._refusals.doubt(batch.collection)
            refused = self._refuse(batch)
            outcomes = refused or outcomes
        if any(one.ending is Ending.RETRY for one in outcomes):
            outcomes = self._judge(batch, outcomes)
        else:
            self._blame.went_through(outcomes)
        self._keep(outcomes)
        took_ms = (time.monotonic() - started) * 1000
        self._log(batch, outcomes, took_ms)
        failed = next((one.reason for one in outcomes if one.ending is Ending.RETRY and one.reason), "")
        report = Report.of(batch, outcomes, took_ms, rules.version, failed)
        self._send(replace(report, refused=bool(refused)))
        return outcomes

    def hand_back(self, batch: Batch, error: Exception) -> None:
        """Give the task up: the listener re-queues its keys, after a delay. Possible document errors count, and
        come back in smaller batches, until the failing document is isolated and set aside."""
        self._batch = batch
        self._refusals.doubt(batch.collection)
        cause = cause_of(error)
        alone = len(batch.items) == 1
        # None of these is a document error, and a single slow document may only wait for a server
        barred = isinstance(cause, Misconfigured | OutOfRoom | RulesOutOfDate) or isinstance(
            error, DatabaseError
        )
        barred = barred or (alone and isinstance(error, SoftTimeLimitExceeded))
        ending = Ending.BARRED if barred else Ending.RETRY
        reason = _why(error) if alone and not barred else ""
        outcomes = self._judge(batch, [Outcome(item.key, ending, reason=reason) for item in batch.items])
        self._keep(outcomes)
        self._send(Report.of(batch, outcomes, 0.0, error=_why(error)))

    def _judge(self, batch: Batch, outcomes: list[Outcome]) -> list[Outcome]:
        attempts = {item.key: max(item.attempts, item.losses) for item in batch.items}
        return self._blame.judge(outcomes, attempts, batch.side.other)

    def _spare(self, batch: Batch) -> list[Outcome]:
        """A document that ended a process each time it was alone is not tried again here."""
        (first, *others) = batch.items
        spared = not others and first.losses >= max(LEAST_LOSSES, self._most_attempts)
        return [Outcome(first.key, Ending.RETRY, reason=ENDS_PROCESSES)] if spared else []

    def _refuse(self, batch: Batch) -> list[Outcome]:
        """Keys of a collection that cannot be synchronised are done without a write (rules/refusals.py)."""
        with translated():
            refused = self._refusals.why(batch.collection)
            if refused:
                note_refused(self._local, batch.collection)
        return [Outcome(item.key, Ending.DONE) for item in batch.items] if refused else []

    def _halted(self, batch: Batch, known: frozenset[Side]) -> frozenset[Side]:
        """Whose versions must not be transferred. Held keys are dropped until the comparison that follows an
        answer queues them again; that one must not be held by a view from before the answer."""
        if not known and not batch.halted:
            return known
        with translated():
            return stopped_sides(load_halts(self._local), batch.collection)

    def _keep(self, outcomes: list[Outcome]) -> None:
        """Record in Django. Rejections must be durable, there or here, before they are reported as done;
        conflicts are durable already."""
        rejected = [one for one in outcomes if one.ending is Ending.REJECTED]
        starts = range(0, len(rejected), RECORDED_AT_ONCE)
        told = self._tell_django(
            partial(record_rejections, self.device, rejected[start : start + RECORDED_AT_ONCE])
            for start in starts
        )
        if any(one.conflict for one in outcomes):
            self._tell_django([partial(copy_some, self._local, self.device)])
        up_to_date = self._tell_django([partial(end_kept, self.device, outcomes)])
        with translated(), of_side(self._local):
            if not told:
                pending.keep(self._local, rejected)
            if not up_to_date:
                pending.note_behind(self._local)

    def _tell_django(self, acts: Iterable[Callable[[], object]]) -> bool:
        """False: not now, or unknown. Documents are still synchronised while Django's database is down.

        Each act is small, so that a slow database is not mistaken for one that is down; an act that returns
        something is repeated.
        """
        try:
            for act in acts:
                self._show_life()
                while self._django.call(act):
                    self._show_life()
        except DatabaseError as error:
            if time.monotonic() - self._complained_at > COMPLAIN_SECONDS:
                self._complained_at = time.monotonic()
                log.warning(
                    "Django's database is unavailable: its records follow later",
                    event_name="django_away",
                    error=describe(error),
                )
            return False
        return True

    def _log(self, batch: Batch, outcomes: list[Outcome], took_ms: float) -> None:
        for target in Side:
            written = sum(one.ending is Ending.DONE and one.transfer is target for one in outcomes)
            if written:
                pulled = target is Side.LOCAL
                log.info(
                    "Atlas change applied successfully" if pulled else "Sync operation",
                    event_name="pulled" if pulled else "pushed",
                    result="Change applied successfully",
                    collection=batch.collection,
                    documents=written,
                    took_ms=round(took_ms, 1),
                )
        conflicts = [one.because for one in outcomes if one.conflict]
        if conflicts:
            log.warning(
                "Conflict detected",
                event_name="conflict",
                collection=batch.collection,
                documents=len(conflicts),
                because=conflicts[:LOGGED_REASONS],
            )
        merged = [one.because for one in outcomes if one.merged and not one.conflict]
        if merged:
            log.info(
                "Both sides' changes merged",
                event_name="merged",
                collection=batch.collection,
                documents=len(merged),
                because=merged[:LOGGED_REASONS],
            )
        for one in outcomes:
            if one.ending is Ending.REJECTED:
                log.error(
                    "Change rejected",
                    event_name="rejected",
                    collection=batch.collection,
                    code=one.code,
                    target=str(one.transfer),
                )

    def _at(self, point: str) -> None:
        self._show_life()
        if point == "atlas read":
            self._check_time_travel()

    def _show_life(self) -> None:
        if self._batch is not None and time.monotonic() - self._spoke_at > self._silence:
            self._send(Report(self._batch.task_id, self._batch.side))

    def _send(self, report: Report) -> None:
        self._spoke_at = time.monotonic()
        self._reporter.send(self._batch.reply_to if self._batch else "", report)


def _why(error: Exception) -> str:
    cause = cause_of(error)
    return str(cause) if isinstance(cause, Unexplained) else describe(error)


@cache
def get_worker(device: str) -> Worker:
    """The worker of this process. A database that becomes a new device gets a new one."""
    return Worker()
