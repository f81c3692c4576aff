"""The log's two lines of the listener about a batch: one for each batch, never for a document. `task` is the id by which every
line of a batch is found: here, in the workers, and again here when they have reported."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter

import structlog

from syncapp.apply.messages import Report
from syncapp.core.values import Batch

log = structlog.get_logger(__name__)
_level = logging.getLogger(__name__)


def handed_out(batch: Batch) -> None:
    """With the newest change of the batch: its position (seconds:number, as in the oplog) and time."""
    if not _level.isEnabledFor(logging.INFO):
        return
    facts = [fact for item in batch.items for fact in item.facts.values()]
    newest = max(facts, key=lambda fact: fact.position, default=None)
    log.info(
        "Batch handed out",
        event_name="batch_sent",
        task=batch.task_id,
        side=str(batch.side),
        collection=batch.collection,
        documents=len(batch.items),
        position=f"{newest.position >> 32}:{newest.position & 0xFFFFFFFF}" if newest else "",
        changed_at=_time(newest.time) if newest else "",
    )


def reported(report: Report, superseded: bool) -> None:
    """Not a sign of life. `superseded`: its keys had been re-queued before."""
    if not report.endings or not _level.isEnabledFor(logging.INFO):
        return
    endings = {str(ending): number for ending, number in Counter(report.endings).items()}
    say = log.warning if report.error else log.info
    say(
        "Batch reported",
        event_name="batch_reported",
        task=report.task_id,
        collection=report.collection,
        **endings,
        **({"superseded": True} if superseded else {}),
        **({"error": report.error} if report.error else {}),
    )


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "unknown"
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).isoformat(timespec="milliseconds")
