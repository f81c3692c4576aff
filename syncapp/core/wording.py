"""The two versions of a conflict as text, for the reason why one of them won."""

from __future__ import annotations

import datetime as dt

from syncapp.core.strategy import Conflict
from syncapp.core.text.one_line import one_line
from syncapp.core.values import ATLAS_ORIGIN, Side

_WHOSE = {Side.LOCAL: "the local", Side.ATLAS: "Atlas's"}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def named(conflict: Conflict, side: Side) -> str:
    """`the local version`, `Atlas's delete`."""
    return f"{_WHOSE[side]} {'delete' if conflict.is_deleted(side) else 'version'}"


def dated(conflict: Conflict, side: Side) -> str:
    """`Atlas's version of 2026-03-01 12:00:05.120 UTC (written on Atlas)`."""
    return named(conflict, side) + _made(conflict, side)


def after(conflict: Conflict, side: Side) -> str:
    """The same of the one that is named second: `the local one of 12:00:03.004 UTC (device …)`."""
    name = named(conflict, side)
    if not conflict.is_deleted(side) and not conflict.is_deleted(side.other):
        name = "the local one" if side is Side.LOCAL else "Atlas's"
    day = conflict.time(side.other)
    return name + _made(conflict, side, _moment(day)[:10] if day is not None else "")


def moment(milliseconds: int, exact: bool = True) -> str:
    """To the millisecond, if it is known so exactly."""
    text = _moment(milliseconds)
    return text if exact or "." not in text else f"{text.partition('.')[0]} UTC"


def _made(conflict: Conflict, side: Side, day: str = "") -> str:
    fact = conflict.facts.get(side)
    if fact is None:
        return " of an unknown time"
    by = "written on Atlas" if fact.origin == ATLAS_ORIGIN else f"device {one_line(fact.origin)}"
    text = "an unknown time" if fact.time is None else moment(fact.time, fact.exact)
    return f" of {text.removeprefix(f'{day} ')} ({by})"


def _moment(milliseconds: int) -> str:
    try:
        at = _EPOCH + dt.timedelta(milliseconds=milliseconds)
    except OverflowError:  # BSON's dates go further than the calendar
        return f"{milliseconds} ms after 1970"
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03} UTC"
