"""The periodic tasks that are there from the start: made once, then they belong to the operators.

What an operator edits in the admin (period, on or off) stays. Only the interval that an environment variable
names follows that variable, and only when it says something else than at the last start, or is new.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from syncapp.conf.settings import get_settings
from syncapp.tasks import maintenance

VARIABLE = "ORIGIN_TRACKING_CLEANUP_INTERVAL"
BY_DEFAULT = " (default)"


def after_migrate(using: str, **kwargs: Any) -> None:
    """Signal handler: every start migrates first."""
    if PeriodicTask._meta.db_table in connections[using].introspection.table_names():
        settings = get_settings()
        seed(settings.origin_tracking_cleanup_interval, given=VARIABLE in settings.given)


@transaction.atomic
def seed(cleanup_interval_ms: int, given: bool = False) -> None:
    """`given`: the interval stands in the environment, and is no default."""
    night, _ = CrontabSchedule.objects.get_or_create(
        minute="17", hour="3", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
    )
    PeriodicTask.objects.get_or_create(
        name="Fold and prune old metrics",
        defaults={"task": maintenance.prune.name, "crontab": night, "queue": maintenance.QUEUE},
    )
    # Beat made it while results could expire
    PeriodicTask.objects.filter(name="celery.backend_cleanup").delete()
    # As earlier versions called it
    PeriodicTask.objects.filter(name="Fold landed pushes into their states").update(
        name="Compact acknowledged pushes"
    )
    for name, task, milliseconds in (
        ("Try rejected changes again", maintenance.retry_rejected_changes, 600_000),
        ("Compact acknowledged pushes", maintenance.fold_landed_pushes, 3_600_000),
    ):
        PeriodicTask.objects.get_or_create(
            name=name,
            defaults={"task": task.name, "interval": _every(milliseconds), "queue": maintenance.QUEUE},
        )
    # The description keeps what the variable said at the last start
    value = f"{VARIABLE}={cleanup_interval_ms}"
    mark = value if given else f"{value}{BY_DEFAULT}"
    task, made = PeriodicTask.objects.get_or_create(
        name="Copy conflicts that were left behind",
        defaults={
            "task": maintenance.copy_left_conflicts.name,
            "interval": _every(cleanup_interval_ms),
            "queue": maintenance.QUEUE,
            "description": mark,
        },
    )
    if made or task.description == mark:
        return
    new_line = given and task.description.endswith(BY_DEFAULT)
    if new_line or task.description.removesuffix(BY_DEFAULT) != value:
        task.interval, task.crontab = _every(cleanup_interval_ms), None
    task.description = mark
    task.save()


def _every(milliseconds: int) -> IntervalSchedule:
    if milliseconds % 1000 == 0:
        every, period = milliseconds // 1000, IntervalSchedule.SECONDS
    else:
        every, period = milliseconds * 1000, IntervalSchedule.MICROSECONDS
    found = IntervalSchedule.objects.filter(every=every, period=period).first()
    return found or IntervalSchedule.objects.create(every=every, period=period)
