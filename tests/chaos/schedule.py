"""When which fault happens: begins them, ends them, and counts them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.kinds import possible
from tests.chaos.world import World

Say = Callable[[str], None]


class Schedule:
    """Call `step` often: it never waits, but for a server that stops or starts."""

    def __init__(self, world: World, rng: random.Random, every: float, say: Say) -> None:
        """`every`: seconds between two faults, on the average."""
        self.counts: Counter[str] = Counter()
        self._world, self._rng, self._every, self._say = world, rng, every, say
        self._kinds = possible()
        self._going_on: list[tuple[float, Fault]] = []  # with the time of its end
        self._began = time.monotonic()
        self._next = self._began + every

    def step(self) -> None:
        now = time.monotonic()
        for end, fault in list(self._going_on):
            if now >= end:
                self._end(fault)
        if now >= self._next:
            self._next = now + self._rng.uniform(0.3, 1.7) * self._every
            self._begin(self._draw())

    def heal(self) -> None:
        """End whatever goes on."""
        for _, fault in list(self._going_on):
            self._end(fault)

    def _draw(self) -> Fault:
        weights = [weight for weight, _ in self._kinds]
        while True:
            (_, kind) = self._rng.choices(self._kinds, weights)[0]
            fault = kind(self._world, self._rng)
            if fault.holds not in {other.holds for _, other in self._going_on}:
                return fault

    def _begin(self, fault: Fault) -> None:
        self.counts[fault.kind] += 1
        length = f" for {fault.seconds:.0f} s" if fault.seconds else ""
        self._say(f"{time.monotonic() - self._began:6.1f} s  {fault.place}: {fault.kind}{length}")
        fault.begin()
        if fault.seconds:
            self._going_on.append((time.monotonic() + fault.seconds, fault))

    def _end(self, fault: Fault) -> None:
        self._going_on = [(end, other) for end, other in self._going_on if other is not fault]
        fault.end()
