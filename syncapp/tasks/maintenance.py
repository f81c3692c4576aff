"""Periodic work: rolling up and pruning old metrics, copying remaining conflict records, retrying rejected
changes, compacting acknowledged pushes, evaluating alerts, and verifying a part of both sides each night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import shared_task

from syncapp.store.selftest import BEAT_TASK

QUEUE = "maintenance"  # also the default queue
FOLD_SECONDS = 90
log = structlog.get_logger(__name__)


@contextmanager
def _waits(what: str) -> Iterator[None]:
    """If a database is down, skip until the next run, with one log line."""
    from django.db.utils import Error

    from syncapp.mongo.error_text import describe
    from syncapp.services.errors import Unreachable

    try:
        yield
    except (Unreachable, Error) as error:
        log.warning(
            "Skipped until the next run", event_name="maintenance_waits", job=what, error=describe(error)
        )


@shared_task(name="syncapp.maintenance.prune", soft_time_limit=120, time_limit=150)
def prune() -> None:
    from monitoring.alerts.operations import prune as prune_alerts
    from monitoring.folding import fold_old_minutes
    from syncapp.services.keeping import prune as prune_records

    rows = 0
    removed: dict[str, int] = {}
    with _waits("rolling up metrics"):
        rows = fold_old_minutes()
    with _waits("pruning alerts"):
        prune_alerts()
    with _waits("pruning records"):
        removed = prune_records()
    if removed:
        log.info("Old records removed", event_name="records_pruned", counts=removed)
    if rows:
        log.info("Old metrics rolled up", event_name="metrics_folded", rows=rows)


@shared_task(name="syncapp.maintenance.evaluate_alerts", soft_time_limit=30, time_limit=45)
def evaluate_alerts() -> None:
    from monitoring.alerts.delivery import deliver_aside
    from monitoring.alerts.evaluate import evaluate
    from monitoring.alerts.events import collect

    with _waits("evaluating alerts"):
        evaluate(by_beat=True)
        collect()
        deliver_aside()


@shared_task(name="syncapp.maintenance.copy_left_conflicts", soft_time_limit=60, time_limit=90)
def copy_left_conflicts() -> None:
    from syncapp.services.conflicts import copy_left_conflicts as copy

    copied = 0
    with _waits("copying conflicts"):
        copied = copy()
    if copied:
        log.info("Remaining conflict records copied", event_name="conflicts_copied", count=copied)


@shared_task(name="syncapp.maintenance.retry_rejected_changes", soft_time_limit=60, time_limit=90)
def retry_rejected_changes() -> None:
    from syncapp.services.rejected import sweep

    count = 0
    with _waits("retrying rejected changes"):
        count = sweep()
    if count:
        log.info("Rejected changes are retried", event_name="rejected_retried", count=count)


@shared_task(name="syncapp.maintenance.fold_landed_pushes", soft_time_limit=120, time_limit=150)
def fold_landed_pushes() -> None:
    from syncapp.services.databases import local_database
    from syncapp.store.landings import fold

    count = 0
    with _waits("compacting acknowledged pushes"), local_database("maintenance") as local:
        count = fold(local, FOLD_SECONDS)
    if count:
        log.info("Acknowledged pushes compacted", event_name="pushes_folded", count=count)


@shared_task(name="syncapp.maintenance.sweep_bases", soft_time_limit=120, time_limit=150)
def sweep_bases() -> None:
    from syncapp.services.bases import sweep

    count = 0
    with _waits("removing bases"):
        count = sweep()
    if count:
        log.info("Bases of collections that no longer merge removed", event_name="bases_removed", count=count)


@shared_task(name=BEAT_TASK, soft_time_limit=20, time_limit=30)
def answer_beat(name: str) -> None:
    """Beat has sent the periodic task `name`, for which a self-test waits."""
    from syncapp.services.databases import local_database
    from syncapp.store.selftest import note_beat

    with _waits("answering a self-test"), local_database("maintenance") as local:
        note_beat(local, name)


@shared_task(name="syncapp.maintenance.verify_part", soft_time_limit=120, time_limit=150)
def verify_part() -> None:
    from syncapp.conf.settings import get_settings
    from syncapp.services.nightly import request_part

    with _waits("nightly verification"):
        run, why = request_part(get_settings().sync_verify_minutes)
        if run:
            log.info("Nightly verification requested", event_name="part_requested", run=run)
        else:
            log.info("No nightly verification", event_name="part_skipped", reason=why)
