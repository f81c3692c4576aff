"""Transfers that an operator has to answer for, and what an answer means for one document."""

from __future__ import annotations

import bson
import pytest

from syncapp.core.content import document_key
from syncapp.core.decide import SOURCES, Decision, Observation
from syncapp.core.rule.policy import BOTH_WAYS, Policy, Travel, policy_for
from syncapp.core.values import ABSENT, Fact, Side, SyncState, UnknownTime, WorkItem
from tests.support.decisions import decided, verdict_of

A, B, UNKNOWN = (bytes([number]) * 16 for number in (1, 2, 255))
KEY = document_key("orders", bson.encode({"_id": 1}))
READ = {Side.LOCAL: 10, Side.ATLAS: 10}
CHANGES = {
    Decision.PULL: (A, B, (A, A), WorkItem(KEY)),
    Decision.PUSH: (B, A, (A, A), WorkItem(KEY, {Side.LOCAL: Fact(5, 1, "device")})),
    Decision.LOCAL_WINS: (A, B, (ABSENT, ABSENT), WorkItem(KEY, {Side.LOCAL: Fact(5, 1, "device")})),
    Decision.ATLAS_WINS: (A, B, (ABSENT, ABSENT), WorkItem(KEY, {Side.ATLAS: Fact(5, 1, "atlas")})),
}


def decision(change: Decision, policy: Policy) -> Decision:
    local, atlas, agreed, item = CHANGES[change]
    seen = Observation({Side.LOCAL: local, Side.ATLAS: atlas}, SyncState(*agreed, counter=1), READ)
    return decided(seen, item, READ, policy)


@pytest.mark.parametrize("halted", Side)
@pytest.mark.parametrize("change", CHANGES)
def test_only_versions_of_the_halted_side_do_not_travel(change: Decision, halted: Side) -> None:
    assert decision(change, Policy()) is change
    expected = Decision.HALTED if SOURCES[change] is halted else change
    assert decision(change, Policy(travel=BOTH_WAYS | {halted: Travel.HALTED})) is expected


def test_what_is_equal_is_agreed_on_while_all_is_halted() -> None:
    seen = Observation({Side.LOCAL: A, Side.ATLAS: A}, SyncState(), READ)
    assert (
        decided(seen, WorkItem(KEY), READ, Policy(travel=dict.fromkeys(Side, Travel.HALTED)))
        is Decision.EQUAL
    )


@pytest.mark.parametrize("rule", [None, UnknownTime.LOCAL, UnknownTime.ATLAS])
@pytest.mark.parametrize(
    ("prefer", "winner"),
    [(UnknownTime.LOCAL, Decision.LOCAL_WINS), (UnknownTime.ATLAS, Decision.ATLAS_WINS)],
)
@pytest.mark.parametrize(("local", "atlas"), [(A, B), (ABSENT, B), (A, ABSENT)])
def test_what_an_operator_preferred_for_a_document_comes_before_the_rules(
    local: bytes, atlas: bytes, prefer: UnknownTime, winner: Decision, rule: UnknownTime | None
) -> None:
    state = SyncState(UNKNOWN, UNKNOWN, counter=3, prefer=prefer)
    policy = policy_for(state, Policy(unknown_time=rule))
    seen = Observation({Side.LOCAL: local, Side.ATLAS: atlas}, state, READ)
    assert decided(seen, WorkItem(KEY), READ, policy) is winner
    assert verdict_of(seen, WorkItem(KEY), policy).rule == f"after a restore: {prefer}"


def test_a_change_whose_time_is_known_wins_over_what_was_preferred() -> None:
    state = SyncState(UNKNOWN, UNKNOWN, counter=3, prefer=UnknownTime.ATLAS)
    item = WorkItem(KEY, {Side.LOCAL: Fact(5, 1_000, "device")})
    seen = Observation({Side.LOCAL: A, Side.ATLAS: B}, state, READ)
    assert decided(seen, item, READ, policy_for(state, Policy())) is Decision.LOCAL_WINS


def test_a_preference_is_asked_once() -> None:
    assert SyncState(UNKNOWN, UNKNOWN, counter=3, prefer=UnknownTime.ATLAS).next(A, A).prefer is None
