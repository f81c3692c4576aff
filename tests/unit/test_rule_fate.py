"""What becomes of a document under a rule: a table."""

from __future__ import annotations

import pytest

from syncapp.compare.rule_fate import Fate, Seen, fates
from syncapp.core.decide import Case
from syncapp.core.rule.collection_rule import CollectionRule, Direction, OnLeave
from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.values import Side

EQUAL, AGREED, ATLAS, LOCAL, BOTH = (
    Case.EQUAL, Case.AGREED, Case.ATLAS_CHANGED, Case.LOCAL_CHANGED, Case.BOTH_CHANGED,
)  # fmt: skip
RULES = {
    "filter": CollectionRule(filter={"shop": "a"}),
    "keep": CollectionRule(filter={"shop": "a"}, on_leave=OnLeave.KEEP),
    "up": CollectionRule(direction=Direction.LOCAL_TO_ATLAS),
    "down": CollectionRule(direction=Direction.ATLAS_TO_LOCAL),
    "none": CollectionRule(direction=Direction.NONE),
    "no deletes": CollectionRule(deletes=dict.fromkeys(Side, False)),
    "": CollectionRule(),
}


@pytest.mark.parametrize(
    ("rule", "seen", "expected"),
    [
        ("filter", Seen(EQUAL), []),
        ("filter", Seen(EQUAL, local_matches=False, atlas_matches=False), [Fate.DROPPED]),
        ("filter", Seen(EQUAL, here=False, there=False), []),
        ("keep", Seen(EQUAL, local_matches=False, atlas_matches=False), [Fate.KEPT]),
        ("filter", Seen(ATLAS, here=False), [Fate.COME]),
        ("filter", Seen(ATLAS, here=False, atlas_matches=False), []),
        ("filter", Seen(ATLAS, atlas_matches=False), [Fate.DROPPED]),
        ("filter", Seen(LOCAL, there=False, local_matches=False), [Fate.GO, Fate.DROPPED]),
        ("filter", Seen(BOTH, local_matches=False), [Fate.CONFLICT]),
        ("", Seen(ATLAS, there=False), [Fate.DELETED_HERE]),
        ("", Seen(LOCAL, here=False), [Fate.DELETED_THERE]),
        ("no deletes", Seen(ATLAS, there=False), [Fate.DIFFERS]),
        ("no deletes", Seen(LOCAL, here=False), [Fate.DIFFERS]),
        ("no deletes", Seen(ATLAS), [Fate.COME]),
        ("", Seen(AGREED, here=False), [Fate.DIFFERS]),
        ("up", Seen(ATLAS), [Fate.DIFFERS]),
        ("up", Seen(ATLAS, there=False), [Fate.DIFFERS]),
        ("up", Seen(LOCAL), [Fate.GO]),
        ("down", Seen(LOCAL), [Fate.DIFFERS]),
        ("down", Seen(LOCAL, here=False), [Fate.DIFFERS]),
        ("down", Seen(ATLAS), [Fate.COME]),
        ("none", Seen(EQUAL, atlas_matches=False), []),
        ("none", Seen(BOTH), [Fate.DIFFERS]),
    ],
)
def test_a_document(rule: str, seen: Seen, expected: list[Fate]) -> None:
    found = RULES[rule]
    travel = {side: Travel.ALLOWED if found.direction.carries(side) else Travel.NEVER for side in Side}
    assert fates(seen, Policy(travel=travel, rule=found)) == expected
