"""What is said of a document is what a task then does, under any rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.collection_rule import CollectionRules, OnLeave
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.values import BOTH, Ending, Outcome, Side
from syncapp.engine.examine import examine
from syncapp.engine.rehearsal import Effect
from syncapp.rules.rules import Rules
from syncapp.services.explain import Explanation
from syncapp.services.next_step import NOTHING
from tests.api.explaining import DEVICE, KEY, everything, process
from tests.support.raw import RAW

pytestmark = pytest.mark.django_db
RULE = {"pattern": "orders"}
RULES: list[dict[str, Any]] = [
    {},
    {"strategy": "atlas-wins"},
    {"strategy": "local-wins"},
    {"strategy": "manual"},
    {"strategy": "field-merge"},
    {"strategy": "field-merge", "numbers": {"n": "sum"}},
    {"strategy": "field-merge", "numbers": {"n": "sum"}, "filter": {"n": {"$gte": 9}}},
    {"strategy": "field-merge", "numbers": {"n": "sum"}, "filter": {"v": "old"}},
    {"strategy": "field-merge", "numbers": {"n": "sum"}, "filter": {"n": {"$gte": 9}}, "onLeave": "keep"},
    {"strategy": "field-merge", "filter": {"v": "old"}},
    {"strategy": "field-merge", "numbers": {"n": "sum"}, "ownFields": ["own"]},
    {"strategy": "field-merge", "timestampField": "n"},
    {"timestampField": "n"},
    {"filter": {"n": {"$gte": 9}}},
    {"filter": {"n": {"$gte": 9}}, "onLeave": "keep"},
    {"filter": {"n": {"$gte": 9}}, "direction": "localToAtlas"},
    {"ownFields": ["own"]},
    {"deletes": {"localToAtlas": False}},
    {"deletes": {"localToAtlas": False, "atlasToLocal": False}},
    {"direction": "localToAtlas"},
    {"direction": "atlasToLocal", "strategy": "field-merge"},
    {"direction": "none"},
    {"validation": {"required": ["v"]}},
    {"strategy": "field-merge", "validation": {"required": ["v"]}},
]
CHANGES = st.sampled_from(
    [None, None, {"$inc": {"n": -1}}, {"$inc": {"n": -2}}, {"$set": {"v": "new"}}, {"$set": {"own": 1}}, {"$unset": {"v": 1}}, "delete"]
)  # fmt: skip
NOBODY: frozenset[Side] = frozenset()
ORDERS: list[dict[Side, int]] = [{}, {Side.LOCAL: 2, Side.ATLAS: 1}, {Side.LOCAL: 1, Side.ATLAS: 2}]


def change(database: Database[Any], how: Any) -> None:
    if how == "delete":
        database["orders"].delete_one({"_id": "A-1"})
    elif how:
        database["orders"].update_one({"_id": "A-1"}, how, upsert=True)


def examined(both: dict[str, Database[Any]], policy: Policy) -> Explanation:
    before = everything(both)
    found = examine({side: both[side.value] for side in BOTH}, KEY, policy, 24)
    assert everything(both) == before
    return Explanation(found, DEVICE, None, ())


def raw_of(both: dict[str, Database[Any]], side: Side) -> bytes | None:
    found = both[side.value].get_collection("orders", RAW).find_one({"_id": "A-1"})
    return None if found is None else found.raw


def check_done(both: dict[str, Database[Any]], told: Explanation, effect: Effect, outcome: Outcome) -> None:
    """A task has done what was said."""
    local, atlas = (told.found.versions[side] for side in BOTH)
    held = [raw_of(both, side) for side in BOTH]
    if not effect.refused:
        local = effect.pull.after if effect.pull else local
        atlas = effect.push.after if effect.push else atlas
        policy = told.found.policy
        drops = policy.rule.on_leave is OnLeave.DROP and policy.travel[Side.ATLAS] is Travel.ALLOWED
        if effect.leaves and drops:
            local = None
    refused = outcome.reason if outcome.ending is Ending.REJECTED else ""
    assert (held, outcome.conflict, refused) == ([local, atlas], effect.recorded, effect.refused), told.next
    words = told.next
    assert not ("rejected" in words and outcome.ending is not Ending.REJECTED)
    assert not ("manual resolution" in words and not outcome.open_conflict)
    assert not ("kept in" in words and "nothing is written" not in words and not outcome.conflict)
    assert not (told.found.decision in NOTHING and outcome.transfer)
    assert not ("copy is dropped:" in words and held[0] is not None)
    # All orders say the same, or it says that it depends
    leaves = [one.leaves for one in told.found.rehearsed.effects]
    if effect.leaves and told.found.decision not in NOTHING:
        assert "the local copy is" in words
    if IF_IT_LEAVES not in words and leaves:
        assert (held[0] is None) or "then dropped" not in words


FILTER = {"filter": {"n": {"$gte": 9}}}
SUMS = {"strategy": "field-merge", "numbers": {"n": "sum"}, **FILTER}
NOT_MATCHING = (
    " version does not match the filter of the collection's rule: it goes up, and the local copy is "
)
IF_IT_LEAVES = (
    "If what goes up does not match the filter of the collection's rule, the local copy is then dropped."
)


@pytest.mark.parametrize(
    ("rule", "enabled", "local", "atlas", "said"),
    [
        (SUMS, True, -1, -1, f"The merged{NOT_MATCHING}then dropped."),
        ({**SUMS, "onLeave": "keep"}, True, -1, -1, f"The merged{NOT_MATCHING}kept."),
        (SUMS, True, -1, 1, "and the local copy is"),
        (FILTER, True, -2, 0, "then dropped."),
        ({**FILTER, "onLeave": "keep"}, True, -2, 0, "it goes up, and the local copy is kept."),
        (FILTER, False, -2, 0, "is dropped as soon as bidirectional sync is enabled."),
        ({**FILTER, "direction": "localToAtlas"}, True, -2, 0, "kept, since nothing is brought here."),
        (FILTER, True, -2, -1, IF_IT_LEAVES),
        (
            {"strategy": "callable", "resolver": "shop.merge", **FILTER}, True, -1, 1,
            IF_IT_LEAVES,
        ),
    ],
)  # fmt: skip
def test_what_leaves_the_filter_by_going_up_is_foreseen(
    both: dict[str, Database[Any]], rule: dict[str, Any], enabled: bool, local: int, atlas: int, said: str
) -> None:
    for database in both.values():
        database["orders"].insert_one({"_id": "A-1", "n": 10})
    rules = Rules(True, False, "last-write-wins", Exclusions(), 1)
    rules = replace(rules, enabled=enabled, collections=CollectionRules.of([{**RULE, **rule}]))
    policy = rules.policy("orders")
    process(both, policy, {})
    for side, by in (("local", local), ("atlas", atlas)):
        change(both[side], {"$inc": {"n": by}} if by else None)
    leaves = (local, atlas) != (-1, 1) or rule["strategy"] == "callable"
    told = examined(both, policy)
    assert (said in told.next) is leaves, told.next
    outcome = process(both, policy, {})
    if outcome is not None and told.found.rehearsed.effects:
        check_done(both, told, told.found.rehearsed.effects[0], outcome)


@pytest.mark.parametrize(
    ("side", "options", "there", "is_refused"),
    [
        ("atlas", {}, {"v": 1}, True),
        ("local", {}, {"v": 1}, True),
        ("atlas", {"validationLevel": "moderate"}, {"v": 1}, True),
        ("atlas", {"validationLevel": "moderate"}, {"v": "old"}, False),
        ("atlas", {"validationLevel": "off"}, {"v": 1}, False),
        ("atlas", {"validationAction": "warn"}, {"v": 1}, False),
    ],
)
def test_what_a_validator_will_refuse_is_foreseen(
    both: dict[str, Database[Any]],
    side: str,
    options: dict[str, Any],
    there: dict[str, Any],
    is_refused: bool,
) -> None:
    for database in both.values():
        database["orders"].insert_one({"_id": "A-1", **there})
    policy = Rules(True, False, "last-write-wins", Exclusions(), 1).policy("orders")
    process(both, policy, {})
    schema = {"$jsonSchema": {"properties": {"v": {"bsonType": "number"}}}}
    both[side].command("collMod", "orders", validator=schema, **options)
    change(both["local" if side == "atlas" else "atlas"], {"$set": {"v": "new"}})
    told = examined(both, policy)
    assert ("It is rejected, and not transferred: the validator of" in told.next) is is_refused, told.next
    outcome = process(both, policy, {})
    assert outcome is not None
    assert (outcome.ending is Ending.REJECTED) is is_refused


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rule=st.sampled_from(RULES), order=st.sampled_from(ORDERS))
def test_what_is_said_is_what_a_task_then_does(
    both: dict[str, Database[Any]], data: st.DataObject, rule: dict[str, Any], order: dict[Side, int]
) -> None:
    for database in both.values():
        for name in database.list_collection_names():
            if name not in ("_sync_metadata",):
                database[name].delete_many({})
        database["orders"].insert_one({"_id": "A-1", "n": 10, "v": "old"})
    both_ways = Rules(True, False, "last-write-wins", Exclusions(), 1)
    rules = replace(both_ways, collections=CollectionRules.of([{**RULE, **rule}]))
    first = rules if data.draw(st.booleans(), label="under this rule") else both_ways
    process(both, first.policy("orders"), {})
    if crash_at := data.draw(
        st.sampled_from(["", "", "local committed", "atlas committed"]), label="crash at"
    ):
        change(both["local"], {"$inc": {"n": -1}})
        process(both, first.policy("orders"), order, crash_at)
    for side in BOTH:
        change(both[side.value], data.draw(CHANGES, label=side))
    halted = data.draw(
        st.sampled_from([NOBODY, NOBODY, frozenset({Side.LOCAL}), frozenset(Side)]), label="halted"
    )
    rules = replace(rules, enabled=data.draw(st.booleans(), label="enabled"))
    policy = rules.policy("orders", halted)
    told = examined(both, policy)
    outcome = process(both, policy, order)
    assert outcome is not None
    check_done(both, told, told.found.rehearsed.effects[ORDERS.index(order)], outcome)
