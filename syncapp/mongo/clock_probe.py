"""Measures the offset between two servers' clocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo.database import Database

from syncapp.core.clock import Measurement, monotonic_clock

PROBES = 5
GOOD_MS = 2.0  # further probes hardly improve on this error: servers answer in whole milliseconds


def measure(
    local: Database[Any], atlas: Database[Any], clock: Callable[[], float] = monotonic_clock
) -> Measurement:
    """Ask both servers for their time, a few times unless an answer is good at once, and take the one with the shortest
    round trip.

    Raises PyMongoError if one of them cannot be reached.
    """
    best = _probe(local, atlas, clock)
    for _ in range(PROBES - 1):
        if best.error <= GOOD_MS:
            break
        best = min(best, _probe(local, atlas, clock), key=lambda one: one.error)
    return best


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
