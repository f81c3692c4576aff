"""Monitors the local server's clock: the offsets to Atlas's by which times are corrected, and a warning
when one of the clocks is off or has jumped."""

from __future__ import annotations

import time
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.core import clock
from syncapp.core.values import Side
from syncapp.listener.intervals import Intervals
from syncapp.mongo import clock_probe
from syncapp.store import clock_offsets

log = structlog.get_logger(__name__)


class ClockWatch:
    def __init__(self, databases: dict[Side, Database[Any]], threshold_ms: int, intervals: Intervals) -> None:
        self._local, self._atlas = databases[Side.LOCAL], databases[Side.ATLAS]
        self._threshold_ms = threshold_ms
        self._intervals = intervals
        self.offsets = clock.ClockOffsets()
        self._jump = ""
        self._jumped_at = 0.0

    def load(self) -> None:
        """Raises PyMongoError."""
        self.offsets = clock_offsets.load(self._local)

    def measure(self) -> None:
        """Raises PyMongoError."""
        measured = clock_probe.measure(self._local, self._atlas)
        before = self.offsets.measurements[-1] if self.offsets.measurements else measured
        changed = self.offsets.add(measured)
        if not changed:
            return
        clock_offsets.save(self._local, self.offsets)
        log.info("Clock offset measured", event_name="clock_offset", offset_ms=round(measured.offset, 1))
        jumped_ms = measured.offset - before.offset
        if abs(jumped_ms) > self._threshold_ms and not measured.agrees_with(before):
            self._jump = (
                f"A clock has jumped by {abs(jumped_ms) / 1000:,.1f} s: Atlas's is now {self._ahead()}"
            )
            self._jumped_at = time.monotonic()
            log.warning("A clock has jumped", event_name="clock_jumped", by_ms=round(jumped_ms))

    def to_atlas_time(self, local_time: int) -> int:
        return self.offsets.to_atlas_time(local_time, clock.monotonic_clock())

    @property
    def warning(self) -> str:
        """A warning about the clocks for operators; empty: none."""
        if self._jump and time.monotonic() - self._jumped_at < self._intervals.clock_jump:
            return self._jump
        if abs(self.offsets.current) > self._threshold_ms:
            return f"The clocks differ: Atlas's is {self._ahead()}. Times are corrected, but fix the clocks"
        return ""

    def _ahead(self) -> str:
        seconds = self.offsets.current / 1000
        return f"{abs(seconds):,.1f} s {'ahead of' if seconds >= 0 else 'behind'} the local server's"
