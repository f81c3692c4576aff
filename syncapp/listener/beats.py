"""When the heartbeat is raised. Both counters are looked at every few seconds; each time they are raised is an event for every
stream on Atlas, so that this costs the square of the number of devices, and is done only

* when something was read from a stream or transferred since the last beat: a database that goes back now loses it;
* when the device's report has news for operators;
* otherwise rarely, as a sign of life;

and less often the more devices there are, so that all of them together never write more than a few beats a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from syncapp.listener.intervals import Intervals
from syncapp.store.devices import DeviceReport, is_news
from syncapp.store.halts import Kind
from syncapp.store.heartbeat import Heartbeat


def spacing_s(devices: int, intervals: Intervals) -> tuple[float, float]:
    """Between two beats of one of so many devices: of one that is busy, at least; of one that is idle."""
    least_s = devices * intervals.heartbeat_fleet
    idle_s = max(intervals.heartbeat_idle, devices * intervals.heartbeat_fleet_idle)
    return least_s, max(least_s, min(intervals.heartbeat_idle_most, idle_s))


class Beats:
    """`document` is the report that a beat carries."""

    def __init__(
        self,
        heartbeat: Heartbeat,
        report: Callable[[], DeviceReport],
        count_devices: Callable[[], int],
        intervals: Intervals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._heartbeat = heartbeat
        self._report = report
        self._count_devices = count_devices
        self._intervals = intervals
        self._clock = clock
        self._told: DeviceReport | None = None
        self._beaten_at = float("-inf")
        self._least_s = self._most_s = 0.0  # between two beats of this device
        self._stirred = True

    def stir(self) -> None:
        """Something was read from a stream, or transferred."""
        self._stirred = True

    def document(self) -> dict[str, Any]:
        return replace(self._report(), within_s=self._most_s + self._intervals.heartbeat).as_document()

    def beat(self) -> Kind | None:
        """Look at both counters, and raise them if it is time. Returns a detected problem. Raises PyMongoError."""
        report = self._report()
        if not self._is_due(report):
            return self._heartbeat.check()
        # First: what comes while it is being raised may come too late for it
        stirred, self._stirred = self._stirred, False
        before, problem = self._heartbeat.seen, None
        try:
            self._least_s, self._most_s = spacing_s(self._count_devices(), self._intervals)
            problem = self._heartbeat.beat()
        finally:
            if self._heartbeat.seen == before:  # it was not raised
                self._stirred = self._stirred or stirred
        if self._heartbeat.seen != before:
            self._told, self._beaten_at = report, self._clock()
        return problem

    def _is_due(self, report: DeviceReport) -> bool:
        passed_s = self._clock() - self._beaten_at
        if passed_s < self._least_s:
            return False
        return self._stirred or passed_s >= self._most_s or is_news(self._told, report)
