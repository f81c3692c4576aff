"""The Celery task that applies a batch: decode, call the worker, try again while a connection is down."""

from __future__ import annotations

import random
from typing import Any, NoReturn

import structlog
from celery import Task, shared_task
from pymongo.errors import PyMongoError

from syncapp.engine.errors import SyncError, cause_of
from syncapp.engine.values import Batch
from syncapp.streams.messages import decode_batch
from syncapp.tasks.worker import get_worker

log = structlog.get_logger(__name__)
FOREIGN_RETRIES = 60  # of a task of another device, until it comes to a worker of that one
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 10.0


@shared_task(
    bind=True, name="syncapp.apply_changes", max_retries=None, acks_late=True,
    reject_on_worker_lost=True, ignore_result=True, soft_time_limit=240, time_limit=300,
)  # fmt: skip
def apply_changes(self: Task[Any, Any], message: dict[str, Any]) -> None:
    """`message`: a batch as `encode_batch` makes it."""
    batch = decode_batch(message)
    try:
        worker = get_worker(batch.device)
    except (SyncError, PyMongoError) as raised:
        # It has never reached its databases, and can tell nobody; the listener's time-out covers that
        _again(self, batch, cause_of(raised), backoff_seconds(self.request.retries))
    if batch.device and batch.device != worker.device:
        _pass_on(self, batch)
        return
    error = worker.attempt(batch, self.request.retries)
    if error is not None:
        seconds = backoff_seconds(self.request.retries)
        worker.will_retry(batch, seconds, str(error))
        _again(self, batch, error, seconds)


def _again(task: Task[Any, Any], batch: Batch, error: Exception, seconds: float) -> NoReturn:
    log.warning(
        "Retry attempt",
        event_name="retry",
        task=batch.task_id,
        attempt=task.request.retries + 1,
        in_seconds=round(seconds, 1),
        error=str(error),
    )
    raise task.retry(exc=error, countdown=seconds) from error


def _pass_on(task: Task[Any, Any], batch: Batch) -> None:
    """Two devices use one broker: worked on here, the task would be done for the wrong databases, and its
    keys would count as done."""
    log.error(
        "A task of another device came: each device needs a broker database of its own (CELERY_BROKER_URL)",
        event_name="foreign_task",
        device=batch.device,
    )
    if task.request.retries < FOREIGN_RETRIES:
        raise task.retry(countdown=random.uniform(0.2, 1.0))


def backoff_seconds(retries: int) -> float:
    """Exponential, capped, with jitter."""
    return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(retries, 16)) * random.uniform(0.5, 1.0))
