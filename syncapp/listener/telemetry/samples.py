"""What the listener sees when it looks each second, queue and lag, for the charts of a week: written once a minute."""

from __future__ import annotations

import bisect
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from syncapp.core.values import Side
from syncapp.models import LagTime, StateMinute
from syncapp.models.choices import Direction
from syncapp.models.metrics import LAG_BOUNDS_MS

# By where a change is from
FROM = {Side.ATLAS: Direction.ATLAS_TO_LOCAL, Side.LOCAL: Direction.LOCAL_TO_ATLAS}


@dataclass(slots=True)
class Samples:
    """Of one minute. Not guarded: one thread keeps the books."""

    minute: dt.datetime | None = None
    count: int = 0
    queue_sum: int = 0
    queue_highest: int = 0
    lag_sums: Counter[Side] = field(default_factory=Counter)
    lags: Counter[tuple[Side, int]] = field(default_factory=Counter)

    def look(self, now: dt.datetime, queue: int, lags_ms: Mapping[Side, int]) -> None:
        """`lags_ms`: of the sides that are read. Writes the minute that is over, if one is. Raises DatabaseError: then
        this look does not count."""
        minute = now.replace(second=0, microsecond=0)
        if self.minute is not None and minute != self.minute:
            self.write()
        self.minute = minute
        self.count += 1
        self.queue_sum += queue
        self.queue_highest = max(self.queue_highest, queue)
        for side, lag_ms in lags_ms.items():
            self.lag_sums[side] += lag_ms
            self.lags[side, _bound(lag_ms)] += 1

    @transaction.atomic
    def _add(self, minute: dt.datetime) -> None:
        row, _ = StateMinute.objects.get_or_create(minute=minute)
        StateMinute.objects.filter(pk=row.pk).update(
            samples=F("samples") + self.count,
            queue_sum=F("queue_sum") + self.queue_sum,
            queue_highest=Greatest("queue_highest", self.queue_highest),
            pull_lag_ms=F("pull_lag_ms") + self.lag_sums[Side.ATLAS],
            push_lag_ms=F("push_lag_ms") + self.lag_sums[Side.LOCAL],
        )
        for (side, bound), number in self.lags.items():
            one, _ = LagTime.objects.get_or_create(minute=minute, direction=FROM[side], upper_ms=bound)
            LagTime.objects.filter(pk=one.pk).update(count=F("count") + number)

    def write(self) -> None:
        """Add what was seen to its minute: another listener may have written a part of it. Raises DatabaseError."""
        if self.minute is not None:
            self._add(self.minute)
        self.minute, self.count, self.queue_sum, self.queue_highest = None, 0, 0, 0
        self.lag_sums.clear()
        self.lags.clear()


def _bound(lag_ms: int) -> int:
    """Any lag has one: a device may have been away for more weeks than the last bound has."""
    return LAG_BOUNDS_MS[bisect.bisect_left(LAG_BOUNDS_MS, lag_ms, hi=len(LAG_BOUNDS_MS) - 1)]
