"""The delay before a reconnect attempt: exponential, capped, with jitter."""

from __future__ import annotations

import random

from syncapp.listener.intervals import Intervals


def wait_seconds(
    attempt: int, interval: float, intervals: Intervals, rng: random.Random | None = None
) -> float:
    """Before attempt 1, 2, 3, … `interval`: seconds, as CHANGE_STREAM_RECONNECT_INTERVAL says.

    The first is soon, since most losses (an election, a restart) pass at once; then the longest wait
    doubles from `interval` to `intervals.reconnect`. Jitter keeps many devices from coming back together.
    """
    jitter = (rng or random).uniform(0.5, 1.0)
    if attempt <= 1:
        return min(interval, intervals.soon) * jitter
    return min(max(intervals.reconnect, interval), interval * 2.0 ** min(attempt - 2, 32)) * jitter
