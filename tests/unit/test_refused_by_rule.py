"""What a validation rule refuses is not planned: no document, no state, no conflict; and it holds up nothing
else."""

from __future__ import annotations

import bson
import pytest

from syncapp.core.content import content_hash, document_key
from syncapp.core.decide import Decision, Observation
from syncapp.core.rule.policy import Policy
from syncapp.core.values import Ending, Side, SyncState, WorkItem
from syncapp.engine.plan import Plan

KEY = document_key("orders", bson.encode({"_id": 1}))
GOOD, BAD = bson.encode({"_id": 1, "total": 5}), bson.encode({"_id": 1})
AT = {Side.LOCAL: 1, Side.ATLAS: 1}
POLICY = Policy(check=lambda document: "total is missing" if document == BAD else None)


def planned(decision: Decision, local: bytes | None, atlas: bytes | None, policy: Policy = POLICY) -> Plan:
    plan = Plan("batch", AT)
    versions = {Side.LOCAL: local, Side.ATLAS: atlas}
    contents = {side: content_hash(version) for side, version in versions.items()}
    plan.add(WorkItem(KEY), Observation(contents, SyncState(), AT), decision, versions, policy)
    return plan


@pytest.mark.parametrize(
    ("decision", "local", "atlas", "target"),
    [
        (Decision.PULL, GOOD, BAD, Side.LOCAL),
        (Decision.PULL, None, BAD, Side.LOCAL),
        (Decision.ATLAS_WINS, GOOD, BAD, Side.LOCAL),
        (Decision.PUSH, BAD, GOOD, Side.ATLAS),
        (Decision.LOCAL_WINS, BAD, GOOD, Side.ATLAS),
    ],
)
def test_what_a_rule_refuses_is_rejected_and_nothing_of_it_is_written(
    decision: Decision, local: bytes | None, atlas: bytes | None, target: Side
) -> None:
    plan = planned(decision, local, atlas)
    outcome = plan.outcomes[KEY]
    assert (outcome.ending, outcome.transfer, outcome.reason) == (Ending.REJECTED, target, "total is missing")
    assert outcome.document == BAD
    assert not any((plan.states, plan.pulls, plan.pushes, plan.conflicts, plan.in_conflict))


@pytest.mark.parametrize(
    ("decision", "local", "atlas"),
    [
        (Decision.PULL, BAD, GOOD),  # what is there already is nobody's business
        (Decision.ATLAS_WINS, BAD, GOOD),
        (Decision.PUSH, GOOD, BAD),
        (Decision.PULL, BAD, None),  # a delete always travels
        (Decision.PUSH, None, BAD),
        (Decision.EQUAL, BAD, BAD),
        (Decision.AGREED, GOOD, BAD),
    ],
)
def test_what_no_rule_refuses_goes_on(decision: Decision, local: bytes | None, atlas: bytes | None) -> None:
    plan = planned(decision, local, atlas)
    assert KEY not in plan.outcomes or plan.outcomes[KEY].ending is Ending.DONE
    assert len(plan.states) == 1


def test_without_rules_everything_goes_on() -> None:
    assert len(planned(Decision.PULL, GOOD, BAD, Policy()).pulls) == 1
