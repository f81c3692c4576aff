"""How far the local server's clock is off Atlas's, measured, and kept as a history.

Times are compared by Atlas's clock. A change that was made an hour ago, before somebody set the local
clock right, is corrected by the offset *as it was then*.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

HISTORY_ID = "clock-offsets"
HISTORY_LENGTH = 2_000
PROBES = 5


@dataclass(frozen=True, slots=True)
class Measurement:
    local_time: int  # milliseconds, by the local server's clock
    offset: float  # milliseconds: Atlas's clock minus the local server's
    error: float  # milliseconds: the true offset lies within ± this


@dataclass(slots=True)
class ClockOffsets:
    """The history of offsets, oldest first."""

    measurements: list[Measurement] = field(default_factory=list)
    # When the newest measurement was made: (this process's monotonic seconds, Atlas's milliseconds, ± error)
    anchor: tuple[float, float, float] | None = None

    @property
    def current(self) -> float:
        return self.measurements[-1].offset if self.measurements else 0.0

    def to_atlas_time(self, local_time: int, now: float) -> int:
        """A time of the local server's clock, in milliseconds, as Atlas's clock showed it; never later than
        it shows at `now` (monotonic seconds): a change that is dated in the future must not win for ever."""
        if not self.measurements:
            return local_time
        held = self.measurements[-1]
        if local_time < held.local_time:
            after = bisect.bisect_right(self.measurements, local_time, key=lambda one: one.local_time)
            held = self.measurements[max(after - 1, 0)]
        corrected = local_time + held.offset
        if self.anchor is not None:
            measured_at, atlas_time, error = self.anchor
            corrected = min(corrected, atlas_time + (now - measured_at) * 1000 + error)
        return round(corrected)

    def add(self, measured: Measurement, now: float) -> bool:
        """Keep a measurement if it says something new. True: the history changed."""
        self.anchor = (now, measured.local_time + measured.offset, measured.error)
        if self.measurements:
            last = self.measurements[-1]
            if abs(measured.offset - last.offset) <= measured.error + last.error:
                return False
        # A clock that was set back: what it showed before it is shown again, and means the new offset now
        while self.measurements and self.measurements[-1].local_time >= measured.local_time:
            self.measurements.pop()
        self.measurements.append(measured)
        del self.measurements[:-HISTORY_LENGTH]
        return True


def measure(
    local: Database[Any], atlas: Database[Any], clock: Callable[[], float] = time.monotonic
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
    middle = before + (after - before) * ((asked + answered) / 2 - started) / max(ended - started, 1e-9)
    return Measurement(round(middle), there - middle, error)


def _server_time(database: Database[Any]) -> float:
    return float(database.client.admin.command("hello")["localTime"].timestamp()) * 1000


def load(local: Database[Any]) -> ClockOffsets:
    """The history that the device keeps in its `_sync_metadata`."""
    kept = local["_sync_metadata"].find_one({"_id": HISTORY_ID}) or {}
    return ClockOffsets([Measurement(int(t), float(o), float(e)) for t, o, e in kept.get("history", ())])


def save(local: Database[Any], offsets: ClockOffsets) -> None:
    history = [[one.local_time, one.offset, one.error] for one in offsets.measurements]
    local["_sync_metadata"].replace_one({"_id": HISTORY_ID}, {"history": history}, upsert=True)
