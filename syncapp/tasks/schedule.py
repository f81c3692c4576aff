"""The built-in periodic tasks: created once, then owned by the operators.

An operator's edits in the admin (period, on or off) are kept. Only an interval or an hour that an environment variable
sets follows that variable, and only when the variable is new or has changed since the last start.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connections, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from syncapp.conf.settings import get_settings
from syncapp.tasks import maintenance

VARIABLE = "ORIGIN_TRACKING_CLEANUP_INTERVAL"
HOUR = "SYNC_VERIFY_HOUR"
BY_DEFAULT = " (default)"
EVALUATE_MS = 10_000
# Earlier names of the tasks → today's
RENAMED = {
    "Fold and prune old metrics": "Roll up and prune old metrics",
    "Fold landed pushes into their states": "Compact acknowledged pushes",
    "Try rejected changes again": "Retry rejected changes",
    "Copy conflicts that were left behind": "Copy remaining conflict records",
}


def after_migrate(using: str, **kwargs: Any) -> None:
    """Signal handler: every start migrates first."""
    if PeriodicTask._meta.db_table in connections[using].introspection.table_names():
        settings = get_settings()
        seed(
            settings.origin_tracking_cleanup_interval,
            settings.sync_verify_hour,
            given=settings.given.intersection((VARIABLE, HOUR)),
        )


@transaction.atomic
def seed(cleanup_interval_ms: int, verify_hour: int, given: Collection[str] = ()) -> None:
    """`given`: which of the two variables are set in the environment; others have their default."""
    # Beat made it while results could expire
    PeriodicTask.objects.filter(name="celery.backend_cleanup").delete()
    for before, name in RENAMED.items():
        PeriodicTask.objects.filter(name=before).update(name=name)
    PeriodicTask.objects.get_or_create(
        name="Roll up and prune old metrics",
        defaults={"task": maintenance.prune.name, "crontab": _each_night(3, 17), "queue": maintenance.QUEUE},
    )
    for name, task, milliseconds in (
        ("Retry rejected changes", maintenance.retry_rejected_changes, 600_000),
        ("Compact acknowledged pushes", maintenance.fold_landed_pushes, 3_600_000),
        ("Remove bases that no rule needs", maintenance.sweep_bases, 3_600_000),
    ):
        PeriodicTask.objects.get_or_create(
            name=name,
            defaults={"task": task.name, "interval": _every(milliseconds), "queue": maintenance.QUEUE},
        )
    PeriodicTask.objects.get_or_create(
        name="Evaluate alerts",
        defaults={
            "task": maintenance.evaluate_alerts.name,
            "interval": _every(EVALUATE_MS * get_settings().ease),
            "queue": maintenance.QUEUE,
            "expire_seconds": EVALUATE_MS // 1000 * 2,  # they must not pile up while no worker runs
        },
    )
    _follow(
        "Copy remaining conflict records",
        maintenance.copy_left_conflicts.name,
        f"{VARIABLE}={cleanup_interval_ms}",
        VARIABLE in given,
        {"interval": _every(cleanup_interval_ms), "crontab": None},
    )
    _follow(
        "Verify a part of both sides each night",
        maintenance.verify_part.name,
        f"{HOUR}={verify_hour}",
        HOUR in given,
        {"crontab": _each_night(verify_hour, 7), "interval": None},
    )


def _follow(name: str, celery_task: str, value: str, given: bool, when: Mapping[str, Any]) -> None:
    """A task whose schedule follows a variable; `value`: NAME=value. Its description keeps what the variable said at the
    last start."""
    mark = value if given else f"{value}{BY_DEFAULT}"
    task, made = PeriodicTask.objects.get_or_create(
        name=name,
        defaults={"task": celery_task, "queue": maintenance.QUEUE, "description": mark, **when},
    )
    if made or task.description == mark:
        return
    new_line = given and task.description.endswith(BY_DEFAULT)
    if new_line or task.description.removesuffix(BY_DEFAULT) != value:
        task.interval, task.crontab = when["interval"], when["crontab"]
    task.description = mark
    task.save()


def _each_night(hour: int, minute: int) -> CrontabSchedule:
    every = dict.fromkeys(("day_of_week", "day_of_month", "month_of_year"), "*")
    found, _ = CrontabSchedule.objects.get_or_create(
        minute=str(minute), hour=str(hour), timezone="UTC", **every
    )
    return found


def _every(milliseconds: int) -> IntervalSchedule:
    if milliseconds % 1000 == 0:
        every, period = milliseconds // 1000, IntervalSchedule.SECONDS
    else:
        every, period = milliseconds * 1000, IntervalSchedule.MICROSECONDS
    found = IntervalSchedule.objects.filter(every=every, period=period).first()
    return found or IntervalSchedule.objects.create(every=every, period=period)
