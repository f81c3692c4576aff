from __future__ import annotations

import random

import pytest

from syncapp.listener.reconnect import LONGEST_MS, wait_ms


@pytest.mark.parametrize("attempt", range(1, 40))
def test_waits_grow_up_to_25_seconds_with_jitter(attempt: int) -> None:
    waits = [wait_ms(attempt, 5_000, random.Random(seed)) for seed in range(200)]
    longest = 500 if attempt == 1 else min(LONGEST_MS, 5_000 * 2 ** (attempt - 2))
    assert longest / 2 <= min(waits) < max(waits) <= longest
    assert len(set(waits)) > 100


def test_a_longer_interval_is_kept_to() -> None:
    assert 50_000 <= wait_ms(9, 100_000, random.Random(1)) <= 100_000
