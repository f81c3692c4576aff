"""One fault: what it does to which place, and how it is over.

Each kind draws place, size and length from the run's random numbers, so that a seed repeats the list of faults.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.world import World


def nothing() -> None:
    """The process manager, or whoever runs `make run`, mends it."""


@dataclass(frozen=True)
class Fault:
    kind: str
    place: str  # "device 2", "Atlas"
    holds: str  # two faults that go on at the same time never hold the same
    begin: Callable[[], None]
    seconds: float = 0.0
    end: Callable[[], None] = nothing


Kind = Callable[[World, random.Random], Fault]
