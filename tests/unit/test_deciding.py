"""What a task makes of a document that both sides changed alike, where changes add up."""

from __future__ import annotations

import bson
import pytest

from syncapp.core.content import content_hash, document_key
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, FOREIGN, Batch, Ending, Intent, Side, SyncState, WorkItem
from syncapp.engine.atlas_view import AtlasView
from syncapp.engine.bases import Bases
from syncapp.engine.deciding import decide_all
from syncapp.engine.plan import Plan
from syncapp.engine.work import Work

KEY = document_key("tills", bson.encode({"_id": 1}))
BEFORE, SOLD = (bson.encode({"_id": 1, "stock": stock}) for stock in (10, 9))
STATE = SyncState(content_hash(BEFORE), content_hash(BEFORE), counter=1)
PUSHED = STATE._replace(intent=Intent("batch", content_hash(SOLD), 1))
SUMS = {"numbers": {"stock": "sum"}}


def decided(state: SyncState, settled: SyncState | None = None, foreign: bool = False) -> Plan:
    """Both sides hold SOLD. `state`: as it was read; `settled`: without its intent, whose outcome is known."""
    filtered = {"filter": {"stock": {"$gt": 9}}} if foreign else {}
    rule = CollectionRule.of({"pattern": "*", **SUMS, **filtered})
    item, positions = WorkItem(KEY), dict.fromkeys(BOTH, 5)
    plan = Plan("batch 2", positions, read_at=positions, filtered=foreign)
    kept = {content_hash(one): slot for slot, one in enumerate((BEFORE, SOLD))}
    plan.bases = Bases({KEY: kept}, counts_twice=True)
    view = AtlasView(
        {KEY: SOLD}, 5, {KEY: state}, {} if settled is None else {KEY: settled}, frozenset({KEY} if foreign else ())
    )  # fmt: skip
    batch = Batch("task", Side.LOCAL, "tills", (item,), positions)
    policy = Policy("field-merge", rule=rule)
    decide_all(batch, Work({KEY: item}, 1), {KEY: item}, view, {KEY: SOLD}, policy, plan, lambda name: None)
    return plan


@pytest.mark.parametrize("foreign", [False, True], ids=["", "it leaves the filter by it"])
def test_the_same_change_on_both_sides_is_two_changes(foreign: bool) -> None:
    plan = decided(STATE, foreign=foreign)
    assert list(plan.questions) == [KEY], "the strategy is asked"
    assert plan.questions[KEY].base == content_hash(BEFORE)
    assert not plan.outcomes


def test_a_push_of_ours_that_was_applied_is_one_change() -> None:
    """Its outcome is settled first: the state as it was read still says what was agreed on before."""
    plan = decided(PUSHED, PUSHED.landed(Intent("batch", content_hash(SOLD), 1), 5))
    assert not plan.questions
    assert plan.outcomes[KEY].ending is Ending.DONE


def test_a_push_of_ours_that_never_came_there_explains_nothing() -> None:
    assert list(decided(PUSHED, PUSHED._replace(intent=None)).questions) == [KEY]


def test_a_copy_that_stays_keeps_its_base_and_an_unchanged_one_counts_nothing() -> None:
    """Atlas's does not match the filter any more: what both last held alike is the copy as it was then."""
    before = content_hash(BEFORE)
    bases = Bases({KEY: {before: 0}}, counts_twice=True)
    stays = SyncState(before, FOREIGN, counter=2)
    assert bases.of(KEY, stays) == before
    assert not bases.twice(KEY, stays, before, before), "Atlas's has come back to it"
    bases.follow(KEY, stays, {})
    assert dict(bases.changes[0].wanted) == {before: None}, "only if it is there already"


@pytest.mark.parametrize("partner", [False, True])
def test_of_a_partner_only_what_the_listener_has_told_is_known(partner: bool) -> None:
    """It was taken in for its unique value, and may have changed since the batch was handed out."""
    item, positions = WorkItem(KEY), dict.fromkeys(BOTH, 5)
    plan = Plan("batch 2", positions, read_at=positions)
    work = Work({KEY: item}, 1, partners={KEY} if partner else set())
    view = AtlasView({KEY: bson.encode({"_id": 1, "stock": 8})}, 5, {KEY: STATE}, {})
    batch = Batch("task", Side.LOCAL, "tills", (item,), positions)
    decide_all(batch, work, {KEY: item}, view, {KEY: SOLD}, Policy(), plan, lambda name: None)
    assert plan.outcomes[KEY].ending is (Ending.WAIT if partner else Ending.DONE)
