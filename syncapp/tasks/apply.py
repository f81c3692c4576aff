"""The Celery task that applies a batch: decode, call the worker, retry while a connection is down."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NoReturn

import structlog
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Task, shared_task
from celery.exceptions import Ignore
from celery.signals import task_failure
from celery.worker import state
from pymongo.errors import PyMongoError
from structlog.contextvars import bound_contextvars

from syncapp.apply.messages import decode_batch
from syncapp.apply.reporter import Reporter, get_reporter
from syncapp.apply.worker import get_worker
from syncapp.core.values import Batch
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import SyncError, cause_of
from syncapp.tasks.redelivered import was_redelivered

log = structlog.get_logger(__name__)
FOREIGN_RETRIES = 60  # of a task of another device, until a worker of that device gets it
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 10.0
STOPPED = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP")  # by an operator, a deployment, a system shutdown
FOREIGN = "Task of another device received: each device needs a broker database or virtual host of its own (CELERY_BROKER_URL)"


@shared_task(
    bind=True, name="syncapp.apply_changes", max_retries=None, acks_late=True,
    reject_on_worker_lost=False, ignore_result=True, soft_time_limit=240, time_limit=300,
)  # fmt: skip
def apply_changes(self: Task[Any, Any], message: dict[str, Any]) -> None:
    """`message`: a batch as `encode_batch` makes it."""
    batch = decode_batch(message)
    if batch.items and was_redelivered(self):
        # Its last worker may have ended because of it, as a whole, and would end again and again: RabbitMQ brings it to each new
        # one first, which does not know that it was given up
        log.info("Task redelivered, its keys are re-queued", event_name="redelivered", task=batch.task_id)
        get_reporter().redelivered(batch)
        return
    with bound_contextvars(task=batch.task_id):  # every line of this batch, whoever writes it
        _apply(self, batch)


def _apply(task: Task[Any, Any], batch: Batch) -> None:
    try:
        worker = get_worker(batch.device)
    except (SyncError, PyMongoError) as raised:
        _again(task, batch, raised)  # it could not connect to its databases
    if batch.device and batch.device != worker.device:
        _pass_on(task, batch)
        return
    if not batch.items:
        get_reporter().alive(batch)  # a ping of the listener
        return
    error = worker.attempt(batch, task.request.retries)
    if error is not None:
        _again(task, batch, error)


def _again(task: Task[Any, Any], batch: Batch, error: Exception) -> NoReturn:
    seconds = backoff_seconds(task.request.retries)
    log.warning(
        "Retry attempt",
        event_name="retry",
        attempt=task.request.retries + 1,
        in_seconds=round(seconds, 1),
        error=describe(error),
    )
    get_reporter().failed(batch, error, seconds)
    if not batch.items:
        raise Ignore  # the listener re-queues the keys
    raise task.retry(exc=cause_of(error), countdown=seconds) from error


@task_failure.connect(sender=apply_changes)
def tell_of_lost_process(exception: BaseException, args: Sequence[Any], **rest: Any) -> None:
    """In the worker's main process: one of its child processes has ended. The same task might end the next one too;
    the listener re-queues its keys in smaller ones."""
    if not isinstance(exception, WorkerLostError | TimeLimitExceeded):
        return
    if state.should_stop is not None or state.should_terminate is not None:
        return  # the worker is being stopped: its tasks are redelivered
    batch, text = decode_batch(args[0]), str(exception)
    if any(f"({name})" in text for name in STOPPED):
        return
    why = f"the worker's process ended ({text.partition(' Job:')[0]})"
    log.error("Worker process lost", event_name="process_lost", task=batch.task_id, error=why)
    with closing(Reporter()) as reporter:
        reporter.lost(batch, why)


def _pass_on(task: Task[Any, Any], batch: Batch) -> None:
    """Two devices use one broker: here the task would be applied to the wrong databases, and its
    keys would count as done."""
    log.error(FOREIGN, event_name="foreign_task", device=batch.device)
    get_reporter().failed(batch, SyncError(f"A worker of another device received the task. {FOREIGN}"))
    if task.request.retries < FOREIGN_RETRIES:
        raise task.retry(countdown=random.uniform(0.2, 1.0))


def backoff_seconds(retries: int) -> float:
    """Exponential, capped, with jitter."""
    return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(retries, 16)) * random.uniform(0.5, 1.0))
