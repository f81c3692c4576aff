"""How far the local server's clock is off Atlas's, measured, and kept as a history.

Times are compared by Atlas's clock. A change that was made an hour ago, before somebody set the local
clock right, is corrected by the offset *as it was then*.
"""

from __future__ import annotations

import bisect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pymongo.database import Database

HISTORY_ID = "clock-offsets"
HISTORY_LENGTH = 2_000
PROBES = 5
DRIFT = 200e-6  # two clocks that nobody sets run apart by this part of the time at most
# Its seconds go on while the machine is suspended; those of time.monotonic() do not, on Linux
monotonic_clock: Callable[[], float] = time.monotonic
if sys.platform == "linux":
    monotonic_clock = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Measurement:
    local_time: int  # milliseconds, by the local server's clock
    offset: float  # milliseconds: Atlas's clock minus the local server's
    error: float  # milliseconds: the true offset lies within ± this
    # Seconds of monotonic_clock; of one that was loaded it means nothing
    made_at: float = field(default=0.0, compare=False)

    def agrees_with(self, other: Measurement) -> bool:
        """Both may have measured the same offset."""
        return abs(self.offset - other.offset) <= self.error + other.error


@dataclass(slots=True)
class ClockOffsets:
    """The history of offsets, oldest first."""

    measurements: list[Measurement] = field(default_factory=list)
    newest: Measurement | None = None  # by this process

    @property
    def current(self) -> float:
        return self.measurements[-1].offset if self.measurements else 0.0

    def to_atlas_time(self, local_time: int, now: float) -> int:
        """A time of the local server's clock, in milliseconds, as Atlas's clock showed it; never later than
        it can show at `now` (seconds of `monotonic_clock`): a change that is dated in the future must not
        win for ever."""
        if not self.measurements:
            return local_time
        held = self.measurements[-1]
        if local_time < held.local_time:
            after = bisect.bisect_right(self.measurements, local_time, key=lambda one: one.local_time)
            held = self.measurements[max(after - 1, 0)]
        corrected = local_time + held.offset
        if self.newest is not None:
            since = (now - self.newest.made_at) * 1000
            then = self.newest.local_time + self.newest.offset + self.newest.error
            corrected = min(corrected, then + since * (1 + DRIFT))
        return round(corrected)

    def add(self, measured: Measurement) -> bool:
        """Keep a measurement if it says something new, or the same with half the error. True: the history
        changed."""
        self.newest = measured
        if self.measurements:
            last = self.measurements[-1]
            if measured.agrees_with(last):
                if measured.error > last.error / 2:
                    return False
                # Measured badly then: the machine was busy, the link slow
                self.measurements[-1] = replace(last, offset=measured.offset, error=measured.error)
                return True
        # A clock that was set back: what it showed before it is shown again, and means the new offset now
        while self.measurements and self.measurements[-1].local_time >= measured.local_time:
            self.measurements.pop()
        self.measurements.append(measured)
        del self.measurements[:-HISTORY_LENGTH]
        return True


def measure(
    local: Database[Any], atlas: Database[Any], clock: Callable[[], float] = monotonic_clock
) -> Measurement:
    """Ask both servers for their time, a few times, and take the answer with the shortest round trip.

    Raises PyMongoError if one of them cannot be reached.
    """
    return min((_probe(local, atlas, clock) for _ in range(PROBES)), key=lambda one: one.error)


def _probe(local: Database[Any], atlas: Database[Any], clock: Callable[[], float]) -> Measurement:
    started = clock()
    before = _server_time(local)
    asked = clock()
    there = _server_time(atlas)
    answered = clock()
    after = _server_time(local)
    ended = clock()
    error = (ended - started) * 1000 / 2 + 1  # servers answer in whole milliseconds
    made_at = (asked + answered) / 2
    middle = before + (after - before) * (made_at - started) / max(ended - started, 1e-9)
    return Measurement(round(middle), there - middle, error, made_at)


def _server_time(database: Database[Any]) -> float:
    return float(database.client.admin.command("hello")["localTime"].timestamp()) * 1000


def load(local: Database[Any]) -> ClockOffsets:
    """The history that the device keeps in its `_sync_metadata`."""
    kept = local["_sync_metadata"].find_one({"_id": HISTORY_ID}) or {}
    return ClockOffsets([Measurement(int(t), float(o), float(e)) for t, o, e in kept.get("history", ())])


def save(local: Database[Any], offsets: ClockOffsets) -> None:
    history = [[one.local_time, one.offset, one.error] for one in offsets.measurements]
    local["_sync_metadata"].replace_one({"_id": HISTORY_ID}, {"history": history}, upsert=True)
