"""The Celery task that works on a comparison run, one slice at a time; each slice sends the next one."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from syncapp.compare.drive import TASK
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import SyncError
from syncapp.tasks.comparer import get_comparer
from syncapp.tasks.maintenance import QUEUE

log = structlog.get_logger(__name__)


@shared_task(
    name=TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True,
    soft_time_limit=240, time_limit=300,
)  # fmt: skip
def compare_slice(run_id: str, number: int) -> None:
    """`number`: how many slices were done before: a task that is delivered twice finds its slice done.

    What fails is not tried again here: the listener sends a slice again that was not done in time.
    """
    try:
        pause = get_comparer().work(run_id, number)
    except (SyncError, PyMongoError, DatabaseError) as raised:
        log.warning("Comparison waits", event_name="comparison_waits", run=run_id, error=describe(raised))
        return
    if pause is not None:
        compare_slice.apply_async(args=(run_id, number + 1), countdown=pause, queue=QUEUE, retry=False)
