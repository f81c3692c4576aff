"""Periodic work: folding and pruning old metrics, copying conflicts that were left behind, trying rejected
changes again, and writing into the states which pushes landed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import shared_task

QUEUE = "maintenance"  # also where tasks go that name no queue
FOLD_SECONDS = 90
log = structlog.get_logger(__name__)


@contextmanager
def _waits(what: str) -> Iterator[None]:
    """A database that is away makes this wait for its next time, and is one line in the log."""
    from django.db.utils import Error

    from syncapp.mongo.error_text import describe
    from syncapp.services.databases import Unreachable

    try:
        yield
    except (Unreachable, Error) as error:
        log.warning(
            "Waits for its next time", event_name="maintenance_waits", task=what, error=describe(error)
        )


@shared_task(name="syncapp.maintenance.prune", soft_time_limit=120, time_limit=150)
def prune() -> None:
    from monitoring.folding import fold_old_minutes

    minutes = times = 0
    with _waits("folding metrics"):
        minutes, times = fold_old_minutes()
    if minutes or times:
        log.info("Old metrics folded", event_name="metrics_folded", minutes=minutes, times=times)


@shared_task(name="syncapp.maintenance.copy_left_conflicts", soft_time_limit=60, time_limit=90)
def copy_left_conflicts() -> None:
    from syncapp.mirror.conflicts import copy_left_conflicts as copy

    copied = 0
    with _waits("copying conflicts"):
        copied = copy()
    if copied:
        log.info("Conflicts copied that were left behind", event_name="conflicts_copied", count=copied)


@shared_task(name="syncapp.maintenance.retry_rejected_changes", soft_time_limit=60, time_limit=90)
def retry_rejected_changes() -> None:
    from syncapp.services.rejected import sweep

    count = 0
    with _waits("trying rejected changes again"):
        count = sweep()
    if count:
        log.info("Rejected changes are tried again", event_name="rejected_retried", count=count)


@shared_task(name="syncapp.maintenance.fold_landed_pushes", soft_time_limit=120, time_limit=150)
def fold_landed_pushes() -> None:
    from syncapp.services.databases import local_database
    from syncapp.store.landings import fold

    count = 0
    with _waits("folding landed pushes"), local_database("maintenance") as local:
        count = fold(local, FOLD_SECONDS)
    if count:
        log.info("Landed pushes folded into their states", event_name="pushes_folded", count=count)
