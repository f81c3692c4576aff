"""Two devices and Atlas, as real processes: whatever breaks, all are equal afterwards and nothing is lost.

SYNC_CHAOS_SEED repeats the list of faults (their moments depend on the machine); SYNC_CHAOS_SECONDS makes it
longer. `make chaos` runs more devices for longer, and prints the same tables.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.chaos.run import Options, run

SECONDS = int(os.environ.get("SYNC_CHAOS_SECONDS", "75"))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 600)
def test_nothing_is_lost_whatever_breaks(tmp_path: Path) -> None:
    seed = int(os.environ.get("SYNC_CHAOS_SEED", random.SystemRandom().getrandbits(32)))
    print(f"Seed {seed}. Again: SYNC_CHAOS_SEED={seed} make test ARGS=tests/chaos")
    report = run(Options(seed, devices=2, seconds=SECONDS, every=3.0, documents=500), tmp_path)
    print(report.as_text())
    assert report.problems == []
    assert report.verdict is not None
    assert report.faults.total() >= SECONDS / 10
    assert report.verdict.native > SECONDS * 5
    assert report.verdict.transfers > report.verdict.native
