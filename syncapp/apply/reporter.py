"""Sends a worker process's reports to the listener: even before, or without, a connection to a database."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from functools import cache

import structlog

from syncapp.apply import reports
from syncapp.apply.messages import Report
from syncapp.apply.reports import BrokerAway
from syncapp.conf.settings import get_settings
from syncapp.core.values import Batch, Ending, Outcome
from syncapp.mongo.error_text import describe

log = structlog.get_logger(__name__)


class Reporter:
    """One per process: connections to the broker do not survive a fork."""

    def __init__(self) -> None:
        self._reports = reports.connect(get_settings().celery_broker_url)
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def send(self, reply_to: str, report: Report) -> None:
        try:
            self._reports.send(reply_to, replace(report, worker=self._name))
        except BrokerAway as error:
            # The listener re-queues the keys; the second task finds the work done
            log.warning("Report not delivered", event_name="report_lost", error=describe(error))

    def close(self) -> None:
        self._reports.close()

    def alive(self, batch: Batch) -> None:
        """The task is not lost; for one without keys: a worker serves this queue."""
        self.send(batch.reply_to, Report(batch.task_id, batch.side))

    def failed(self, batch: Batch, error: BaseException, seconds: float = 0.0) -> None:
        """Why the task failed, and the delay until its retry."""
        report = Report(batch.task_id, batch.side, silent_ms=round(seconds * 1000), error=describe(error))
        self.send(batch.reply_to, report)

    def lost(self, batch: Batch, why: str) -> None:
        """Its process has ended: the listener re-queues its keys, in smaller batches."""
        outcomes = [Outcome(item.key, Ending.LOST) for item in batch.items]
        self.send(batch.reply_to, Report.of(batch, outcomes, 0.0, error=why))

    def redelivered(self, batch: Batch) -> None:
        """The broker has brought its task once more: the listener re-queues its keys, if they still wait for it."""
        self.send(batch.reply_to, Report(batch.task_id, batch.side, redelivered=True))

    def begin(self, batch: Batch) -> bool:
        """False: its keys have been re-queued. While a database is down such tasks would pile up in front of
        current ones."""
        try:
            return self._reports.begin(batch.reply_to, batch.task_id, self._name)
        except BrokerAway:
            return True


@cache
def get_reporter() -> Reporter:
    return Reporter()
