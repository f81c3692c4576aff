"""Which rule a collection gets, and that its form survives being stored."""

from syncapp.core.collection_rule import NO_RULE, CollectionRule, CollectionRules, Direction
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
