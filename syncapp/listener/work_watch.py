"""Does the broker take tasks, do workers report? What does not, since when, and why.

Pure but for the clock; the dispatcher holds its lock around it. Workers that have nothing to do are asked now and
then, by an empty batch: nobody would notice otherwise that they are gone before there is something to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from syncapp.apply.messages import Report
from syncapp.apply.queues import QUEUES
from syncapp.core.values import BOTH, Side

ASK_SECONDS = 10.0  # of silence, before workers are asked
ANSWER_SECONDS = 12.0  # they may take that long


@dataclass(frozen=True, slots=True)
class Stop:
    """`since`: seconds since 1970."""

    kind: str  # broker or workers
    text: str  # why; of workers: the queue that has none, empty for both
    since: float


@dataclass(slots=True)
class WorkWatch:
    clock: Callable[[], float] = time.time
    ask_seconds: float = ASK_SECONDS
    _broker: dict[str, Stop] = field(default_factory=dict)  # by what was tried: to send, to read
    # By queue: the first question that was not answered yet
    _asked_at: dict[Side, float] = field(default_factory=dict)
    _heard_at: dict[Side, float] = field(default_factory=dict)

    # What happens

    def broker_failed(self, trial: str, text: str) -> None:
        since = self._broker[trial].since if trial in self._broker else self.clock()
        self._broker[trial] = Stop("broker", text, since)
        self._asked_at.clear()  # nobody can answer

    def broker_answered(self, trial: str) -> None:
        self._broker.pop(trial, None)

    def sent(self, side: Side) -> None:
        self._asked_at.setdefault(side, self.clock())

    def heard(self, report: Report) -> None:
        self._heard_at[report.side] = self.clock()
        self._asked_at.pop(report.side, None)

    # What follows

    def to_ask(self, sides: Iterable[Side]) -> list[Side]:
        """Whose workers have been silent for so long that they should be asked (again)."""
        now = self.clock()
        return [
            side
            for side in sides
            if now - max(self._heard_at.get(side, 0.0), self._asked_at.get(side, 0.0)) >= self.ask_seconds
        ]

    def stops(self) -> list[Stop]:
        now = self.clock()
        broker = sorted(self._broker.values(), key=lambda stop: stop.since)[:1]
        return [*broker, *self._silent(now)]

    def _silent(self, now: float) -> Iterator[Stop]:
        if self._broker:
            return
        silent = [side for side in BOTH if now - self._asked_at.get(side, now) >= ANSWER_SECONDS]
        if silent:
            which = "" if len(silent) == len(self._asked_at) > 1 else QUEUES[silent[0]]
            yield Stop("workers", which, min(self._asked_at[side] for side in silent))
