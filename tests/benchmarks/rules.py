"""What rules of a collection cost where nothing conflicts: the drains of `basic` without one, under a filter that every document
matches, and under field-merge, which keeps a base of each document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from syncapp.core.values import Side
from tests.benchmarks.contenders import PRODUCT, Product, contender
from tests.benchmarks.drain import COLLECTION, drain
from tests.benchmarks.workloads import STORIES
from tests.benchmarks.world import World

NO_RULE = "no rule"
RULES: dict[str, dict[str, Any]] = {
    NO_RULE: {},
    "a filter": {"filter": {"v": {"$gte": 1}}},
    "field-merge": {"strategy": "field-merge", "numbers": {"v": "sum"}},
}
SET_RULE = (
    "from syncapp.services.rules.collection_rules import set_rule\n"
    "import json\n"
    "set_rule(json.loads({document!r}))\n"
)


@dataclass(frozen=True)
class Ruled:
    """A drain. CPU of the worker's processes in microseconds a change."""

    rule: str
    workload: str
    source: str
    per_second: float
    worker_us: float


def drains_under_rules(world: World, source: Side, count: int) -> list[Ruled]:
    found = []
    for rule, parts in RULES.items():
        with contender(PRODUCT, world, source) as one:
            assert isinstance(one, Product)
            if parts:
                document = json.dumps({"pattern": COLLECTION, **parts})
                one.device.console.run(SET_RULE.format(document=document))
            for step in STORIES["basic"]:
                measured = drain(step, one, world, count, live=False)
                worker_us = measured.cpu_us.get("worker", 0.0)
                found.append(Ruled(rule, step.name, str(source), measured.per_second, worker_us))
    return found
