"""Requirement 8 and the rest: whatever applications do on both sides, every difference is named in the API.

SEED repeats a plan, COUNT sets its length. `make fuzz` does so for longer, with the kinds that take their time, and
looks for the fewest operations that fail.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import plan as plans
from tests.fuzz.run import Outcome, run
from tests.fuzz.servers import fuzz_workshop
from tests.integration.conftest import Workshop

COUNT = int(os.environ.get("COUNT") or "120")
SEED = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(31))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with fuzz_workshop(tmp_path_factory.mktemp("fuzz")) as workshop:
        yield workshop


def explain(outcome: Outcome) -> str:
    again = f"SEED={outcome.plan.seed} COUNT={COUNT} make test ARGS=tests/fuzz/test_fuzz.py"
    return "\n".join([outcome.as_text(), f"Again: {again}", *outcome.log, outcome.processes])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_difference_is_named(servers: Workshop, tmp_path: Path) -> None:
    plan = plans.make(SEED, COUNT)
    print(f"Seed {plan.seed}")
    outcome = run(servers, tmp_path / "run", plan, quick=True)
    print(outcome.as_text())
    assert not outcome.problems, explain(outcome)
