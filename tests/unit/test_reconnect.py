from __future__ import annotations

import random

import pytest

from syncapp.listener.intervals import USUAL
from syncapp.listener.streams.reconnect import wait_seconds


@pytest.mark.parametrize("attempt", range(1, 40))
def test_waits_grow_up_to_25_seconds_with_jitter(attempt: int) -> None:
    waits = [wait_seconds(attempt, 5, USUAL, random.Random(seed)) for seed in range(200)]
    longest = 0.5 if attempt == 1 else min(25, 5 * 2 ** (attempt - 2))
    assert longest / 2 <= min(waits) < max(waits) <= longest
    assert len(set(waits)) > 100


def test_a_longer_interval_is_kept_to() -> None:
    assert 50 <= wait_seconds(9, 100, USUAL, random.Random(1)) <= 100
