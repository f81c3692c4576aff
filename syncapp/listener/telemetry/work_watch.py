"""Does the broker take tasks, do workers report, and how many of them? What does not, since when, and why.

It guards itself. Workers that have nothing to do are asked now and
then, by an empty batch: nobody would notice otherwise that they are gone before there is something to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from syncapp.apply.messages import Report
from syncapp.apply.queues import QUEUES
from syncapp.core.clock import as_shown, steady_s
from syncapp.core.values import BOTH, Side
from syncapp.listener.intervals import Intervals


@dataclass(frozen=True, slots=True)
class Stop:
    """`since`: seconds since 1970."""

    kind: str  # broker or workers
    text: str  # the reason; of workers: the queue without any, empty for both
    since: float


class WorkWatch:
    def __init__(self, intervals: Intervals, clock: Callable[[], float] = steady_s) -> None:
        """`clock`: seconds since 1970. If it could be set back, workers that are gone would not be missed."""
        self._intervals = intervals
        self._clock = clock
        self._lock = threading.Lock()
        self._broker: dict[str, Stop] = {}  # by operation: send, read
        # By queue: the first unanswered ping
        self._asked_at: dict[Side, float] = {}
        self._heard_at: dict[Side, float] = {}
        self._workers: dict[str, float] = {}  # a worker's process → when it reported last

    # What happens

    def broker_failed(self, trial: str, text: str) -> None:
        with self._lock:
            since = self._broker[trial].since if trial in self._broker else self._clock()
            self._broker[trial] = Stop("broker", text, since)
            self._asked_at.clear()  # no answer is possible

    def broker_answered(self, trial: str) -> None:
        with self._lock:
            self._broker.pop(trial, None)

    def sent(self, side: Side) -> None:
        with self._lock:
            self._asked_at.setdefault(side, self._clock())

    def heard(self, reports: Iterable[Report]) -> None:
        with self._lock:
            now = self._clock()
            for report in reports:
                self._heard_at[report.side] = self._workers[report.worker] = now
                self._asked_at.pop(report.side, None)

    # What follows

    def count_workers(self) -> int:
        """The processes that have reported recently."""
        with self._lock:
            late = self._clock() - self._intervals.worker
            self._workers = {name: at for name, at in self._workers.items() if at > late}
            return len(self._workers)

    def to_ask(self, sides: Iterable[Side]) -> list[Side]:
        """The sides whose workers should be pinged (again)."""
        with self._lock:
            now = self._clock()
            return [
                side
                for side in sides
                if now - max(self._heard_at.get(side, 0.0), self._asked_at.get(side, 0.0))
                >= self._intervals.ask
            ]

    def stops(self) -> list[Stop]:
        with self._lock:
            broker = sorted(self._broker.values(), key=lambda stop: stop.since)[:1]
            found = [*broker, *self._silent(self._clock())]
        return [replace(stop, since=as_shown(stop.since)) for stop in found]

    def _silent(self, now: float) -> Iterator[Stop]:
        if self._broker:
            return
        silent = [side for side in BOTH if now - self._asked_at.get(side, now) >= self._intervals.answer]
        if silent:
            which = "" if len(silent) == len(self._asked_at) > 1 else QUEUES[silent[0]]
            yield Stop("workers", which, min(self._asked_at[side] for side in silent))
