"""The periodic tasks that are there from the start: made once, then they belong to the operators.

What an operator edits in the admin (period, on or off) stays. Only the interval that an environment variable
names follows that variable, and only when its value is another than at the last start.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from syncapp.conf import get_settings
from syncapp.tasks import maintenance

VARIABLE = "ORIGIN_TRACKING_CLEANUP_INTERVAL"


def after_migrate(using: str, **kwargs: Any) -> None:
    """Signal handler: every start migrates first."""
    if PeriodicTask._meta.db_table in connections[using].introspection.table_names():
        seed(get_settings().origin_tracking_cleanup_interval)


@transaction.atomic
def seed(cleanup_interval_ms: int) -> None:
    night, _ = CrontabSchedule.objects.get_or_create(
        minute="17", hour="3", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
    )
    PeriodicTask.objects.get_or_create(
        name="Fold and prune old metrics",
        defaults={"task": maintenance.prune.name, "crontab": night, "queue": maintenance.QUEUE},
    )
    for name, task, milliseconds in (
        ("Try rejected changes again", maintenance.retry_rejected_changes, 600_000),
        ("Fold landed pushes into their states", maintenance.fold_landed_pushes, 3_600_000),
    ):
        PeriodicTask.objects.get_or_create(
            name=name,
            defaults={"task": task.name, "interval": _every(milliseconds), "queue": maintenance.QUEUE},
        )
    # The description keeps the variable's value of the last start
    mark = f"{VARIABLE}={cleanup_interval_ms}"
    task, made = PeriodicTask.objects.get_or_create(
        name="Copy conflicts that were left behind",
        defaults={
            "task": maintenance.copy_left_conflicts.name,
            "interval": _every(cleanup_interval_ms),
            "queue": maintenance.QUEUE,
            "description": mark,
        },
    )
    if not made and task.description != mark:
        task.interval, task.crontab, task.description = _every(cleanup_interval_ms), None, mark
        task.save()


def _every(milliseconds: int) -> IntervalSchedule:
    if milliseconds % 1000 == 0:
        every, period = milliseconds // 1000, IntervalSchedule.SECONDS
    else:
        every, period = milliseconds * 1000, IntervalSchedule.MICROSECONDS
    found = IntervalSchedule.objects.filter(every=every, period=period).first()
    return found or IntervalSchedule.objects.create(every=every, period=period)
