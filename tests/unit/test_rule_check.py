"""Which collection rules are taken: each fault is named at its field, with what is allowed."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.rule_words import WITHOUT_EFFECT, change_text, words_of
from syncapp.rules.rule_check import complete, faults
from syncapp.rules.rules import Rules
from syncapp.rules.validation import ValidationRules

GOOD = {
    "pattern": "orders",
    "priority": 10,
    "direction": "atlasToLocal",
    "strategy": "local-wins",
    "numbers": {"stock": "sum", "shelf.count": "max"},
    "arrays": {"tags": "union", "lines": {"key": "sku"}, "parts": {"key": "_id"}},
    "timestampField": "updatedAt",
    "filter": {"shop": "a", "at": {"$gt": {"$date": "2026-01-01T00:00:00Z"}}, "$expr": {"$gt": ["$a", "$b"]}},
    "onLeave": "keep",
    "deletes": {"localToAtlas": False},
    "ownFields": ["lastSync", "till.name"],
    "maskedFields": ["customer.phone"],
    "urgency": "first",
    "validation": {"$jsonSchema": {"required": ["total"]}},
}


def test_a_good_rule_is_completed() -> None:
    assert faults(GOOD) == {}
    assert faults({"pattern": "orders"}) == {}
    stored = complete(GOOD)
    assert stored["deletes"] == {"localToAtlas": False, "atlasToLocal": True}
    assert stored["validation"] == {"required": ["total"]}
    assert CollectionRule.of(stored).as_document() == stored
    assert complete({"pattern": "orders"}) == CollectionRule("orders").as_document()


@pytest.mark.parametrize(
    ("part", "value", "field", "line"),
    [
        ("pattern", "a b", "pattern", "' ' is white space"),
        ("pattern", 5, "pattern", "pattern is 5; allowed: the name of a collection"),
        ("priority", "10", "priority", 'priority is "10"; allowed: a whole number from 0 to 10,000'),
        ("priority", True, "priority", "priority is true; allowed"),
        ("priority", 10_001, "priority", "priority is 10001; allowed"),
        ("priority", float("nan"), "priority", "priority is not a JSON value"),
        ("direction", "up", "direction", "allowed: both, localToAtlas, atlasToLocal, none"),
        ("direction", [], "direction", "direction is []; allowed: both"),
        ("strategy", "newest", "strategy", 'strategy is "newest"; allowed: last-write-wins, atlas-wins'),
        ("strategy", None, "strategy", "or an empty text for the general strategy"),
        ("numbers", {"stock": "add"}, "numbers.stock", 'numbers.stock is "add"; allowed: last, min, max, sum'),
        ("numbers", ["stock"], "numbers", "allowed: an object of at most 100 fields"),
        ("numbers", {"$stock": "sum"}, "numbers", 'numbers has "$stock" in it'),
        ("arrays", {"tags": "merge"}, "arrays.tags", 'arrays.tags is "merge"; allowed: replace, union, or'),
        ("arrays", {"lines": {"key": "a", "x": 1}}, "arrays.lines", "for the field that tells elements apart"),
        ("arrays", {"a": "union", "a.b": "union"}, "arrays", "arrays names a.b, which is inside a"),
        ("resolver", "shop", "resolver", "the dotted path of a Python callable"),
        ("resolver", "shop.resolve", "resolver", "only asked by the strategy callable"),
        ("timestampField", "_id", "timestampField", "not in _id"),
        ("timestampField", "a..b", "timestampField", "empty parts"),
        ("ownFields", "lastSync", "ownFields", "allowed: a list of at most 100 fields"),
        ("ownFields", ["a.b", "a"], "ownFields", "ownFields names a.b, which is inside a"),
        ("ownFields", ["a", "a"], "ownFields", "ownFields names a twice"),
        ("maskedFields", ["_id.x"], "maskedFields", 'maskedFields has "_id.x" in it'),
        ("maskedFields", ["a\nb"], "maskedFields", "control characters"),
        ("maskedFields", [5], "maskedFields", "maskedFields has 5 in it"),
        ("filter", "shop", "filter", "a match expression such as"),
        ("filter", {"$where": "1"}, "filter", "$where cannot be part of it: it runs a program"),
        ("filter", {"$or": [{"a": 1}, {"$text": {"$search": "x"}}]}, "filter", "$text cannot be part of it"),
        ("filter", {"at": {"$near": [1, 2]}}, "filter", "$near cannot be part of it: it needs an index"),
        ("filter", {"$expr": {"$lt": [{"$rand": {}}, 0.5]}}, "filter", "$rand cannot be part of it"),
        ("filter", {"$expr": {"$lt": ["$at", "$$NOW"]}}, "filter", "$$NOW cannot be part of it"),
        ("filter", {"a": {"$oid": "x"}}, "filter", "it is not valid extended JSON"),
        ("filter", {"a": "\x00"}, "filter", "which cannot be kept"),
        ("filter", {"a": "x" * 30_000}, "filter", "characters; allowed: 20,000"),
        ("filter", {"$or": [{"a": 1}, {"till.name.x": 1}]}, "filter", 'asks about "till.name.x", which is in ownFields'),
        ("filter", {"$expr": {"$eq": ["$$ROOT.lastSync", 1]}}, "filter", 'asks about "lastSync", which is in ownFields'),
        ("onLeave", "delete", "onLeave", "allowed: drop, keep"),
        ("deletes", True, "deletes", "an object with localToAtlas and atlasToLocal"),
        ("deletes", {"up": True}, "deletes", 'deletes has "up" in it; allowed: localToAtlas, atlasToLocal'),
        ("deletes", {"localToAtlas": "no"}, "deletes.localToAtlas", "allowed: true or false"),
        ("urgency", "soon", "urgency", "allowed: first, normal, last"),
        ("validation", {"format": "x"}, "validation", "validation cannot be used: format is not supported"),
        ("validation", [], "validation", "allowed: an object such as"),
        ("color", "red", "color", "color is unknown; allowed: pattern, priority"),
    ],
)  # fmt: skip
def test_a_fault_is_named_at_its_field(part: str, value: Any, field: str, line: str) -> None:
    found = faults({**GOOD, part: value})
    assert list(found) == [field]
    assert line in found[field]


@pytest.mark.parametrize("given", [None, [], "orders", 5])
def test_what_is_no_object_is_no_rule(given: Any) -> None:
    assert list(faults(given)) == ["rule"]


def test_all_faults_are_named_at_once() -> None:
    found = faults({"priority": -1, "urgency": 5, "numbers": {"a": 1, "b": 2}})
    assert list(found) == ["pattern", "priority", "numbers.a", "numbers.b", "urgency"]


def test_the_validation_of_a_rule_acts_beside_the_validation_rules() -> None:
    rules = Rules(
        True, False, "last-write-wins", Exclusions(), 1,
        validation=ValidationRules.of([("order*", {"required": ["shop"]})]),
        collections=CollectionRules.of([{"pattern": "orders", "validation": {"required": ["total"]}}]),
    )  # fmt: skip
    check = rules.policy("orders").check
    assert check is not None
    assert check(bson.encode({"_id": 1, "shop": 1})) == "Validation rule orders: total is missing"
    assert check(bson.encode({"_id": 1, "total": 1})) == "Validation rule order*: shop is missing"
    assert check(bson.encode({"_id": 1, "total": 1, "shop": 1})) is None
    assert rules.policy("bills").check is None


def test_a_rule_says_what_it_does() -> None:
    assert words_of(CollectionRule()) == [WITHOUT_EFFECT]
    words = words_of(CollectionRule.of(complete(GOOD)))
    assert words[:3] == ["Atlas → local only", "conflicts: local-wins", "numbers: stock sum, shelf.count max"]
    assert words[3] == "arrays: tags union, lines by sku, parts by _id"
    assert "local deletes do not go to Atlas" in words
    assert "goes first" in words


def test_a_change_is_told_before_and_after() -> None:
    one, other = CollectionRule("a"), CollectionRule("a", priority=5, own_fields=("x",))
    assert change_text(one, other) == 'priority: 100 → 5; ownFields: [] → ["x"]'
    assert change_text(None, other) == 'new rule; priority: 100 → 5; ownFields: [] → ["x"]'
    assert change_text(other, None) == 'no rule any more; priority: 5 → 100; ownFields: ["x"] → []'
    assert change_text(one, one) == ""
