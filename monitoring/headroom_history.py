"""How long each side could be away, point by point, for the chart: the lowest that the listener forecast in each."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Any

from monitoring.health.headroom import NAMES, OLD_S, facts_of
from syncapp.core.headroom import slot_s
from syncapp.models import Instance

Series = list[float | None]


def series(
    starts: Sequence[int],
    step: int,
    reported: Container[int],
    instance: Instance | None,
    seen: Instance | None,
    now: datetime,
) -> dict[str, Series]:
    """Seconds, by side. `reported`: the points in which a listener was there. `seen`: one that reports now; then the last point is
    what the cards show, unless that is old."""
    kept = instance.headroom if instance else {}
    points = {side: kept.get(side, {}).get("past", ()) for side in NAMES}
    found = {side: _past(starts, step, reported, points[side], now.timestamp()) for side in NAMES}
    for one in facts_of(seen.headroom, now) if seen else ():
        if one.seconds is not None and one.age_s <= OLD_S:
            found[one.side][-1] = one.seconds
    return found


def _past(starts: Sequence[int], step: int, reported: Container[int], points: Any, now_s: float) -> Series:
    slots = [(at, at + slot_s(now_s - at), seconds) for at, seconds in points]
    found: Series = []
    for start in starts:
        here = [seconds for begin, end, seconds in slots if begin < start + step and start < end]
        found.append(min(here) if here and start in reported else None)
    return found
