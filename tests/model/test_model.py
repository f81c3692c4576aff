"""Every schedule holds, and none of the safeties that are listed here can be left out."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.model.safeties import Safety
from tests.model.world import Chances, faults_found, run

SCHEDULES = 2_000
MOST = 2_500  # schedules until one must fail
# Where one is that fails in one of 2,000 only
FROM = {Safety.LATE_REPORTS: 24_000, Safety.LOOKED_AT_AGAIN: 3_000, Safety.OWN_INTENT: 1_900}
COUNTS = {"counts": True}
# What it takes that one of them is needed
RULES: dict[Safety, dict[str, Any]] = {
    Safety.DELETE_AGREED: {"keeps_deletes": True},
    Safety.WHAT_IS_THERE: {"filters": True},
    Safety.GOES_UP_FIRST: {"filters": True},
    # So few writes that none repairs it
    Safety.LOOKED_AT_AGAIN: {
        "filters": True, "devices": 1, "keys": 1, "writes": 2, "chances": Chances(faults=0.4, on_atlas=1, deletes=0),
    },
    Safety.SETTLED_FIRST: COUNTS,
    Safety.TWICE: COUNTS,
    Safety.BASE_MOVES: COUNTS,
    Safety.BASE_BY_NAME: COUNTS,
    Safety.REBASED: COUNTS,
    Safety.OWN_INTENT: COUNTS,
}  # fmt: skip
# Without these no schedule of the model was seen to fail; their tests are those of the engine, on real servers
ONLY_REAL = {
    Safety.SAME_DECISION,
    Safety.COUNTER,
    Safety.ALWAYS_RAISED,
    Safety.FENCE,
}


@pytest.mark.parametrize("part", range(4))
def test_every_schedule_holds(part: int) -> None:
    first = random.randrange(10**9)
    for seed in range(first, first + SCHEDULES // 4):
        assert faults_found(run(seed)) == [], f"run({seed})"


@pytest.mark.parametrize("rule", ["keeps_deletes", "filters", "counts"])
def test_every_schedule_holds_under_rules(rule: str) -> None:
    first = random.randrange(10**9)
    for seed in range(first, first + SCHEDULES // 10):
        assert faults_found(run(seed, **{rule: True})) == [], f"run({seed}, {rule}=True)"  # type: ignore[arg-type]


def holds(seed: int, without: Safety) -> bool:
    rules = RULES.get(without, {})
    try:
        return not faults_found(run(seed, frozenset({without}), **rules), rules.get("keys", 2))
    except AssertionError:
        return False  # it has no end


@pytest.mark.parametrize("safety", [one for one in Safety if one not in ONLY_REAL], ids=lambda one: one.name)
def test_it_fails_without(safety: Safety) -> None:
    first = FROM.get(safety, 0)
    for seed in range(first, first + MOST):
        if not holds(seed, safety):
            return
    pytest.fail(f"{MOST} schedules hold without it: {safety}")
