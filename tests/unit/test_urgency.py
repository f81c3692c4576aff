"""Whose changes go first when more waits than can go; and that everybody's turn comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import bson
import pytest

from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.collection_rule import CollectionRule, CollectionRules, Urgency
from syncapp.core.content import document_key
from syncapp.core.exclusions import Exclusions
from syncapp.core.values import BOTH, Fact, Side
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.rules.rules import Rules

LIMIT = 100


def rules(**urgencies: str) -> Rules:
    found = tuple(CollectionRule(name, urgency=Urgency(one)) for name, one in urgencies.items())
    return Rules(True, False, "last-write-wins", Exclusions(), 1, collections=CollectionRules(found))


def changed(dirty: DirtyKeys, name: str, count: int, sides: Iterable[Side] = BOTH, start: int = 0) -> None:
    for side in sides:
        keys = [document_key(name, bson.encode({"_id": f"{side} {n}"})) for n in range(start, start + count)]
        changes = [Change(key, Fact(1, 1, "device")) for key in keys]
        dirty.take_in(side, ChangeBatch(changes, {"_data": str(start)}, 1))  # type: ignore[arg-type]


def handed_out(dirty: DirtyKeys, batches: int) -> list[str]:
    names = []
    for number in range(batches):
        taken = dirty.take(f"{number} {dirty.size}", LIMIT, 0.0)
        assert taken is not None
        names.append(taken.collection)
    return names


@pytest.fixture
def dirty() -> DirtyKeys:
    return DirtyKeys()


def test_payments_go_before_what_waited_long_before_them(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(analytics="last", payments="first").urgency)
    changed(dirty, "analytics", 10_000)
    handed_out(dirty, 20)
    changed(dirty, "payments", 250)
    names = handed_out(dirty, 7)
    assert names.count("payments") == 6, "three batches of each side"
    assert set(handed_out(dirty, 10)) == {"analytics"}, "the rest afterwards"


def test_of_eight_batches_one_is_of_the_less_urgent(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(analytics="last", payments="first").urgency)
    for name in ("payments", "orders", "analytics"):
        changed(dirty, name, 20_000)
    found = Counter(handed_out(dirty, 256))
    assert found == {"payments": 224, "orders": 28, "analytics": 4}


def test_within_a_level_groups_take_turns(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(analytics="last").urgency)
    for name in ("a", "b", "analytics"):
        changed(dirty, name, 1_000, [Side.LOCAL])
    assert handed_out(dirty, 8) == ["a", "b", "a", "b", "a", "b", "a", "analytics"]


def test_new_rules_count_at_once_and_without_any_all_take_turns(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(a="first").urgency)
    for name in ("a", "b"):
        changed(dirty, name, 5_000, [Side.LOCAL])
    assert handed_out(dirty, 3) == ["a", "a", "a"]
    dirty.follow(2, rules(b="first").urgency)
    assert handed_out(dirty, 3) == ["b", "b", "b"]
    assert rules().urgency is None
    dirty.follow(3, rules().urgency)
    assert Counter(handed_out(dirty, 4)) == {"a": 2, "b": 2}


def test_what_must_not_go_leaves_its_turn_to_others(dirty: DirtyKeys) -> None:
    """A collection whose unique values move has one batch out at a time."""
    dirty.follow(1, rules(a="first").urgency)
    changed(dirty, "a", 1_000, [Side.LOCAL])
    changed(dirty, "b", 1_000, [Side.LOCAL])
    dirty._map._ready.gathered.add("a")
    assert handed_out(dirty, 1) == ["a"]
    changed(dirty, "a", 10, [Side.LOCAL], start=2_000)
    dirty._map._ready.gathered.add("a")
    assert handed_out(dirty, 2) == ["b", "b"]


def test_what_must_not_go_is_not_what_waits(dirty: DirtyKeys) -> None:
    """Or the last would get the others' share of the turns that nobody takes."""
    dirty.follow(1, rules(a="first", c="last").urgency)
    for name in "abc":
        changed(dirty, name, 2_000, [Side.LOCAL])
    dirty._map._ready.gathered.add("a")
    assert handed_out(dirty, 1) == ["a"]
    changed(dirty, "a", 10, [Side.LOCAL], start=2_000)
    dirty._map._ready.gathered.add("a")
    assert Counter(handed_out(dirty, 8)) == {"b": 7, "c": 1}
