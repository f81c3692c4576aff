"""Periodic tasks: turned on and off, and given other periods. The API calls it; each change is in the audit log. Beat reads
them again by itself. What a schedule may be is the same in the admin (`check`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeAlias

from celery.schedules import ParseException
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from syncapp.rules.switches import Actor, audit
from syncapp.services.errors import NotFound, WrongInput, wrong_value

OWN = "syncapp."  # so begin the names of the product's own tasks
UNITS = [unit for unit, _ in IntervalSchedule.PERIOD_CHOICES]
SHORTEST, LONGEST = dt.timedelta(seconds=1), dt.timedelta(days=3_650)
# The names that the API gives a crontab's parts → those of its row
CRONTAB = {
    "minute": "minute",
    "hour": "hour",
    "dayOfMonth": "day_of_month",
    "monthOfYear": "month_of_year",
    "dayOfWeek": "day_of_week",
    "timezone": "timezone",
}
Schedule: TypeAlias = IntervalSchedule | CrontabSchedule


def is_own(task: PeriodicTask) -> bool:
    """One of the product's own: it can be turned off, and not deleted."""
    return bool(task.task.startswith(OWN))


def listed() -> QuerySet[PeriodicTask]:
    tasks = PeriodicTask.objects.select_related("interval", "crontab", "solar", "clocked")
    return tasks.order_by("name")


def find(name: str) -> PeriodicTask:
    """`name`: the task's name, or its id. Raises NotFound."""
    by_id = name.isascii() and name.isdigit() and len(name) < 19
    found = (listed().filter(pk=int(name)).first() if by_id else None) or listed().filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no periodic task {name!r}", "task")
    return found


@transaction.atomic
def change(
    name: str, by: Actor = None, *, enabled: bool | None = None, when: Schedule | None = None
) -> PeriodicTask:
    """None: it stays. Raises NotFound."""
    task = find(name)
    old = _document(task)
    if enabled is not None:
        task.enabled = enabled
    if when is not None and str(when) != str(task.scheduler):
        _give(task, when)
    new = _document(task)
    changed = [part for part in old if old[part] != new[part]]
    if changed:
        task.save()
        before, after = ({part: one[part] for part in changed} for one in (old, new))
        audit(by, "change periodic task", task.name, before, after)
    return task


def interval(every: int, unit: str) -> IntervalSchedule:
    """A period. Raises WrongInput."""
    wanted = {"every": every, "period": unit}
    found = IntervalSchedule.objects.filter(**wanted).first() or IntervalSchedule(**wanted)
    check(found)
    return found


def crontab(parts: Mapping[str, str]) -> CrontabSchedule:
    """Times, by the names of CRONTAB; absent ones are * and UTC. Raises WrongInput."""
    wanted = {"timezone": "UTC", **{CRONTAB[name]: value for name, value in parts.items()}}
    try:
        row = CrontabSchedule(**wanted)
        row.clean_fields()
    except (ValidationError, ValueError, OSError) as error:  # OSError: a folder of time zones
        raise _wrong(error, wanted) from None
    check(row)
    names = CRONTAB.values()
    return CrontabSchedule.objects.filter(**{name: getattr(row, name) for name in names}).first() or row


def check(schedule: Schedule) -> None:
    """Can beat follow it: what it cannot, it leaves out without a word, or ends itself. Raises WrongInput."""
    if isinstance(schedule, CrontabSchedule):
        try:
            schedule.schedule.remaining_estimate(timezone.now())
        except (ValueError, RuntimeError, ParseException) as error:  # Sunday as 7, 30 February
            raise WrongInput(f"crontab cannot be followed: {error}", "crontab") from None
        return
    try:
        period = dt.timedelta(**{schedule.period: schedule.every})
    except OverflowError:
        period = dt.timedelta.max
    if not SHORTEST <= period <= LONGEST:
        text = f"{schedule.every} {schedule.period}"
        raise wrong_value("interval", text, f"1 second to {LONGEST.days} days")


def _wrong(error: Exception, wanted: Mapping[str, str]) -> WrongInput:
    # A wrong name of a time zone is refused before the others are looked at
    found = getattr(error, "error_dict", {"timezone": None})
    name = next(api for api, row in CRONTAB.items() if row in found)
    allowed = (
        "a time zone such as UTC or Europe/Berlin"
        if name == "timezone"
        else "as in a crontab: *, */15, 1-5 or 0,30"
    )
    return WrongInput(wrong_value(f"crontab.{name}", wanted[CRONTAB[name]], allowed).detail, "crontab")


def _document(task: PeriodicTask) -> dict[str, Any]:
    return {"enabled": task.enabled, "schedule": str(task.scheduler)}


def _give(task: PeriodicTask, when: Schedule) -> None:
    if when.pk is None:
        when.save()
    task.interval = task.crontab = task.solar = task.clocked = None
    setattr(task, "interval" if isinstance(when, IntervalSchedule) else "crontab", when)
