"""Changes that cannot be transferred, with the reason, for health: changes that fail repeatedly, and, whatever the
cause, streams whose oldest unfinished change does not finish, so that their position does not advance."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, replace
from typing import Any

from syncapp.apply.messages import Report
from syncapp.core.clock import as_shown
from syncapp.core.values import BOTH, Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.dirty_keys import DirtyKeys

MOST = 20  # reported, at most


@dataclass(frozen=True, slots=True)
class Stuck:
    """Changes of one collection, from one side's stream, that cannot be transferred."""

    side: Side
    collection: str
    since: float  # seconds since 1970
    error: str = ""  # of the last attempt; empty: unknown
    still: bool = False  # the stream's position has not advanced since

    def as_document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Failing:
    trouble: Stuck
    until: float  # it has recovered, unless it fails again
    whole: bool  # the task itself is retried: a connection failure


class StuckChanges:
    """`now`: of `steady_s`. It guards itself."""

    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self._lock = threading.Lock()
        self._failing: dict[tuple[Side, str], _Failing] = {}
        self._oldest: dict[Side, tuple[int, float]] = {}

    def heard(self, report: Report, collection: str, now: float) -> None:
        """A worker has reported on changes of a collection. Empty: the answer to a ping, possibly with the reason why
        it cannot work."""
        place = (report.side, collection)
        with self._lock:
            self._heard(report, place, now)

    def _heard(self, report: Report, place: tuple[Side, str], now: float) -> None:
        known = self._failing.get(place)
        if report.error:
            since = known.trouble.since if known and known.until > now else now
            pause = report.silent_ms / 1000 or max(self._intervals.barred, self._intervals.retry_longest)
            trouble = Stuck(*place, since, report.error)
            until = now + pause + self._intervals.spare
            self._failing[place] = _Failing(trouble, until, not report.endings)
        elif (report.endings or not place[1]) and known is not None and known.whole:
            del self._failing[place]

    def of(self, dirty: DirtyKeys, now: float) -> list[Stuck]:
        """The current ones, oldest first."""
        with self._lock:
            self._failing = {place: one for place, one in self._failing.items() if one.until > now}
            found = {place: one.trouble for place, one in self._failing.items()}
            for side in BOTH:
                since, number = self._watch(side, dirty.oldest_held(side), now)
                if now - since < self._intervals.still:
                    continue
                key = dirty.holder(side, number)
                place = (side, key.collection if key else "")
                known = found.get(place, Stuck(*place, since))
                found[place] = replace(known, since=min(since, known.since), still=True)
        oldest = sorted(found.values(), key=lambda one: one.since)[:MOST]
        return [replace(one, since=as_shown(one.since)) for one in oldest]

    def _watch(self, side: Side, number: int | None, now: float) -> tuple[float, int]:
        """Since when the oldest unfinished batch is unchanged, and its number."""
        if number is None:
            self._oldest.pop(side, None)
            return now, 0
        known = self._oldest.get(side)
        if known is None or known[0] != number:
            known = self._oldest[side] = (number, now)
        return known[1], number
