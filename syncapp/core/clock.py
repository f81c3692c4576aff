"""The measured offset between the local server's clock and Atlas's, with its history.

Times are compared in Atlas's time. A change made an hour ago, before the local
clock was adjusted, is corrected by the offset *at that time*.
"""

from __future__ import annotations

import bisect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

HISTORY_LENGTH = 2_000
DRIFT = 200e-6  # maximum drift rate of two unadjusted clocks
# It includes suspend time; time.monotonic() does not, on Linux
monotonic_clock: Callable[[], float] = time.monotonic
if sys.platform == "linux":
    monotonic_clock = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


_BEGINNING = time.time() - time.monotonic()


def steady_s() -> float:
    """Seconds since 1970 by this computer's clock as it was when the process began: for how long something lasts, since
    it does not jump."""
    return _BEGINNING + time.monotonic()


def as_shown(steady: float) -> float:
    """A moment of `steady_s` by the clock as it is now, which may have been set meanwhile."""
    return steady + round(time.time() - steady_s())


def now_ms() -> int:
    """Milliseconds since 1970 by this computer's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Measurement:
    local_time: int  # milliseconds, by the local server's clock
    offset: float  # milliseconds: Atlas's clock minus the local server's
    error: float  # milliseconds: the true offset lies within ± this
    # Seconds of monotonic_clock; meaningless for a loaded one
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
        """A time of the local server's clock, in milliseconds, converted to Atlas's; never later than
        Atlas's time at `now` (seconds of `monotonic_clock`): a change dated in the future must not
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
        """Keep a measurement if it is new, or the same with half the error. True: the history
        changed."""
        self.newest = measured
        if self.measurements:
            last = self.measurements[-1]
            if measured.agrees_with(last):
                if measured.error > last.error / 2:
                    return False
                # A poor measurement then: the machine was busy, the link slow
                self.measurements[-1] = replace(last, offset=measured.offset, error=measured.error)
                return True
        # A clock that was set back shows earlier times again, to which the new offset applies
        while self.measurements and self.measurements[-1].local_time >= measured.local_time:
            self.measurements.pop()
        self.measurements.append(measured)
        del self.measurements[:-HISTORY_LENGTH]
        return True
