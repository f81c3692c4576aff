"""When beat sends a periodic task: each so many seconds, as a crontab says, or once. What a schedule may be is the same by API and in
the admin (`check`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TypeAlias

from celery.schedules import ParseException
from django.core.exceptions import ValidationError
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule

from syncapp.services.errors import WrongInput, wrong_value

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
Schedule: TypeAlias = IntervalSchedule | CrontabSchedule | ClockedSchedule
# By the names of a periodic task's fields. Of the sun there is none: it needs a package that is not part of the product, and
# without it beat ends itself
KINDS: Mapping[str, type[Schedule]] = {
    "interval": IntervalSchedule,
    "crontab": CrontabSchedule,
    "clocked": ClockedSchedule,
}


def kind_of(schedule: Schedule) -> str:
    return next(name for name, kind in KINDS.items() if isinstance(schedule, kind))


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


def clocked(at: dt.datetime) -> ClockedSchedule:
    """Once, at this moment."""
    return ClockedSchedule.objects.filter(clocked_time=at).first() or ClockedSchedule(clocked_time=at)


def require_to_come(schedule: Schedule) -> None:
    """Raises WrongInput for a moment that has passed, or that is too far away."""
    if isinstance(schedule, ClockedSchedule):
        at = schedule.clocked_time
        if not SHORTEST <= at - timezone.now() <= LONGEST:
            raise wrong_value("at", at, f"a time to come, within {LONGEST.days} days")


def check(schedule: Schedule) -> None:
    """Can beat follow it: what it cannot, it leaves out without a word, or ends itself. Raises WrongInput."""
    if isinstance(schedule, CrontabSchedule):
        try:
            schedule.schedule.remaining_estimate(timezone.now())
        except (ValueError, RuntimeError, ParseException) as error:  # Sunday as 7, 30 February
            raise WrongInput(f"crontab cannot be followed: {error}", "crontab") from None
        return
    if isinstance(schedule, ClockedSchedule):
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
