"""Which rule a collection gets, and that its form survives being stored."""

import json
from typing import Any

import pytest
from bson import Regex

from syncapp.core.rule.collection_rule import NO_RULE, CollectionRule, CollectionRules, Direction
from syncapp.core.rule.match_expressions import read_filter
from syncapp.core.rule.rule_words import changes
from syncapp.core.rule.scope import Scope
from syncapp.core.values import Side

WHOLE = {
    "pattern": "orders",
    "priority": 10,
    "direction": "both",
    "strategy": "last-write-wins",
    "numbers": {"stock": "sum"},
    "arrays": {"tags": "union", "lines": {"key": "sku"}},
    "resolver": "",
    "timestampField": "updatedAt",
    "filter": {"shop": "a"},
    "onLeave": "drop",
    "deletes": {"localToAtlas": False, "atlasToLocal": True},
    "ownFields": ["lastSync"],
    "maskedFields": ["customer.phone"],
    "urgency": "first",
    "validation": {"required": ["total"]},
}


def test_a_stored_rule_is_the_same_rule() -> None:
    assert CollectionRule.of(WHOLE).as_document() == WHOLE
    assert CollectionRule.of({"pattern": "*"}) == NO_RULE


@pytest.mark.parametrize(
    ("before", "after"),
    [({"a": 1}, {"a": True}), ({"a": 1}, {"a": 1.0}), ({"a": {"x": 1, "y": 1}}, {"a": {"y": 1, "x": 1}})],
)
def test_another_filter_is_another_rule(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Of which Python thinks that they are equal, and the server does not."""
    rules = [CollectionRule.of({"pattern": "*", "filter": one}) for one in (before, after)]
    scopes = [Scope(rules=CollectionRules((one,))) for one in rules]
    assert rules[0] != rules[1]
    assert list(changes(*rules)) == ["filter"]
    assert scopes[0] != scopes[1]
    assert scopes[1].brings(Side.ATLAS, "orders", scopes[0]), "it is compared"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("filter", {"at": {"street": "x", "no": 1}, "a": 1}),
        ("numbers", {"stock": "sum", "at": "max"}),
        ("arrays", {"tags": "union", "lines": {"key": "sku"}, "a": "replace"}),
        ("validation", {"required": ["a"], "properties": {"b": {"enum": [{"y": 1, "x": 2}]}, "a": {}}}),
    ],
)
def test_an_order_survives_a_database_that_sorts_fields(part: str, value: dict[str, Any]) -> None:
    rule = CollectionRule.of({"pattern": "*", part: value})
    sorted_fields = json.loads(json.dumps(rule.as_stored(), sort_keys=True))
    assert CollectionRule.of(sorted_fields) == rule
    assert json.dumps(CollectionRule.of(sorted_fields).as_document()) == json.dumps(rule.as_document())


def test_the_first_match_counts_alone() -> None:
    rules = CollectionRules.of(
        {"pattern": pattern, "priority": priority}
        for pattern, priority in (("*", 20), ("ord*", 10), ("orders", 10), ("o*", 10), ("orders_*", 30))
    )
    got = {name: rules.for_collection(name).pattern for name in ("orders", "orders_old", "oil", "bills")}
    assert got == {"orders": "orders", "orders_old": "ord*", "oil": "o*", "bills": "*"}
    assert CollectionRules().for_collection("orders") is NO_RULE


def test_a_direction_carries_the_versions_of_a_side() -> None:
    carried = {one: {side for side in Side if one.carries(side)} for one in Direction}
    assert carried == {
        Direction.BOTH: {Side.LOCAL, Side.ATLAS},
        Direction.LOCAL_TO_ATLAS: {Side.LOCAL},
        Direction.ATLAS_TO_LOCAL: {Side.ATLAS},
        Direction.NONE: set(),
    }


def test_nothing_of_a_filter_is_left_out() -> None:
    assert read_filter({"a": {"$regex": "^x", "$options": "i", "$ne": "xy"}}) == {
        "a": {"$regex": "^x", "$options": "i", "$ne": "xy"}
    }
    assert read_filter({"a": {"$in": [{"$regex": "^x", "$options": "i"}]}}) == {
        "a": {"$in": [Regex("^x", "i")]}
    }
