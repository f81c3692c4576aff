"""The Celery task for comparison runs, one slice at a time; each slice sends the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Task, shared_task
from celery.signals import task_failure
from celery.worker import state
from django.db import DatabaseError
from pymongo.errors import PyMongoError
from structlog.contextvars import bound_contextvars

from syncapp.listener.runs import TASK
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import SyncError
from syncapp.services.databases import Unreachable, local_database
from syncapp.store import runs
from syncapp.store.narrowing import PROCESS_ENDED
from syncapp.tasks.comparer import get_comparer
from syncapp.tasks.maintenance import QUEUE
from syncapp.tasks.redelivered import was_redelivered

log = structlog.get_logger(__name__)


@shared_task(
    bind=True, name=TASK, acks_late=True, reject_on_worker_lost=False, ignore_result=True,
    soft_time_limit=240, time_limit=300,
)  # fmt: skip
def compare_slice(self: Task[Any, Any], run_id: str, number: int) -> None:
    """`number`: how many slices were done before: a redelivered task finds its slice done.

    Failures are not retried here: the listener resends a slice that was not done in time.
    """
    with bound_contextvars(run=run_id):
        if was_redelivered(self) and _was_begun(run_id, number):
            return
        pause = _work(run_id, number)
    if pause is not None:
        compare_slice.apply_async(args=(run_id, number + 1), countdown=pause, queue=QUEUE, retry=False)


def _was_begun(run_id: str, number: int) -> bool:
    """A whole worker has ended with this slice, or was stopped: the next one might end as well. The listener resends it at once, in
    smaller pages."""
    try:
        with local_database("comparison") as local:
            return runs.note_loss(local, run_id, number, PROCESS_ENDED.format("its task was redelivered"))
    except Unreachable:
        return False  # then it cannot be worked on either


def _work(run_id: str, number: int) -> float | None:
    """The seconds until the next slice is due. None: there is none to send."""
    try:
        return get_comparer().work(run_id, number)
    except (SyncError, PyMongoError, DatabaseError) as raised:
        log.warning(
            "Comparison slice failed, will be retried",
            event_name="comparison_waits",
            error=describe(raised),
        )
        return None


@task_failure.connect(sender=compare_slice)
def tell_of_lost_process(exception: BaseException, args: Sequence[Any], **rest: Any) -> None:
    """In the worker's main process: a child process has ended. The same slice might end the next one too."""
    if not isinstance(exception, WorkerLostError | TimeLimitExceeded):
        return
    if state.should_stop is not None or state.should_terminate is not None:
        return  # the worker is being stopped: the listener resends the slice
    why = str(exception).partition(" Job:")[0]
    log.error("Worker process lost", event_name="process_lost", run=args[0], slice=args[1], error=why)
    try:
        with local_database("comparison") as local:
            runs.note_loss(local, args[0], args[1], PROCESS_ENDED.format(why))
    except Unreachable as error:  # then the slice counts as lost after a while
        log.warning("The loss could not be noted", event_name="loss_unnoted", error=str(error))
