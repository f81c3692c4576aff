"""How long to wait before a lost connection is tried again: exponential, capped, with jitter."""

from __future__ import annotations

import random

LONGEST_MS = 25_000  # what is back must be noticed within half a minute


def wait_ms(attempt: int, interval_ms: int, rng: random.Random | None = None) -> float:
    """Milliseconds to wait before attempt 1, 2, 3, …

    The first is soon, since most losses (an election, a restart) pass at once; then the longest wait
    doubles from `interval_ms` to 25 seconds. Jitter keeps many devices from coming back together.
    """
    jitter = (rng or random).uniform(0.5, 1.0)
    if attempt <= 1:
        return min(interval_ms, 500) * jitter
    return min(max(LONGEST_MS, interval_ms), interval_ms * 2.0 ** min(attempt - 2, 32)) * jitter
