"""A strategy that merges, in a collection whose rule also has a filter or own fields."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.strategies import field_merge
from syncapp.store.conflicts import read_uncopied
from tests.property.test_rules import rules_of
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]
LOCAL, ATLAS = 0, 1


def both_edited(
    databases: Databases, rule: dict[str, Any], *edits: dict[str, Any]
) -> list[list[dict[str, Any]]]:
    """What both sides hold, after each has edited the same document: local first."""
    world = World.build(*databases, 1, rules_of(strategy=field_merge.NAME, **rule))
    try:
        world.database(LOCAL)[world.collection].insert_one({"_id": 1, "shop": "a", "price": 1, "name": "tea"})
        world.settle()
        for place, edit in zip((LOCAL, ATLAS), edits, strict=True):
            world.database(place)[world.collection].update_one({"_id": 1}, {"$set": edit})
        world.settle()
        (device,) = world.devices
        assert read_uncopied(device.local) == []
        return [list(world.database(place)[world.collection].find()) for place in (LOCAL, ATLAS)]
    finally:
        world.close()


def test_what_left_the_filter_on_atlas_gets_the_local_edit_and_goes(
    databases: Databases, exact_times: None
) -> None:
    edits: tuple[dict[str, Any], ...] = ({"price": 2}, {"name": "rum", "shop": "b"})
    here, there = both_edited(databases, {"filter": {"shop": "a"}}, *edits)
    assert there == [{"_id": 1, "shop": "b", "price": 2, "name": "rum"}]
    assert here == []


def test_what_leaves_the_filter_here_keeps_atlas_s_edit_and_goes(
    databases: Databases, exact_times: None
) -> None:
    here, there = both_edited(databases, {"filter": {"shop": "a"}}, {"shop": "b"}, {"name": "rum"})
    assert there == [{"_id": 1, "shop": "b", "price": 1, "name": "rum"}]
    assert here == []


@pytest.mark.parametrize(("edit", "price"), [({"price": 3}, 5), ({"shop": "b"}, 1)])
def test_equal_changes_count_twice_where_they_make_it_leave(
    databases: Databases, exact_times: None, edit: dict[str, Any], price: int
) -> None:
    rule = {"filter": {"shop": "a", "price": 1}, "numbers": {"price": "sum"}}
    here, there = both_edited(databases, rule, edit, edit)
    assert there == [{"_id": 1, "shop": "a", "name": "tea", **edit, "price": price}]
    assert here == []


def test_an_edit_of_a_copy_that_stays_is_merged_with_what_became_of_it_on_atlas(
    databases: Databases, exact_times: None
) -> None:
    rule = {"filter": {"shop": "a"}, "onLeave": "keep", "numbers": {"price": "sum"}}
    world = World.build(*databases, 1, rules_of(strategy=field_merge.NAME, **rule))
    try:
        here, there = (world.database(place)[world.collection] for place in (LOCAL, ATLAS))
        here.insert_one({"_id": 1, "shop": "a", "price": 10, "name": "tea"})
        world.settle()
        there.update_one({"_id": 1}, {"$set": {"shop": "b", "price": 9}})
        world.settle()
        here.update_one({"_id": 1}, {"$set": {"price": 8, "name": "rum"}})
        world.settle()
        assert read_uncopied(world.devices[0].local) == []
        assert list(there.find()) == [{"_id": 1, "shop": "b", "price": 7, "name": "rum"}]
    finally:
        world.close()


def test_own_fields_are_not_merged(databases: Databases, exact_times: None) -> None:
    edits: tuple[dict[str, Any], ...] = ({"price": 2, "mine": 1}, {"name": "rum", "mine": 2})
    here, there = both_edited(databases, {"ownFields": ["mine"]}, *edits)
    same = {"_id": 1, "shop": "a", "price": 2, "name": "rum"}
    assert (here, there) == ([{**same, "mine": 1}], [{**same, "mine": 2}])


@pytest.mark.parametrize("number", [5, 1])
def test_a_sum_does_not_count_own_fields(databases: Databases, exact_times: None, number: int) -> None:
    rule = {"ownFields": ["mine"], "numbers": {"price": "sum"}}
    here, there = both_edited(databases, rule, {"price": number, "mine": 1}, {"price": number, "mine": 2})
    assert {one["price"] for one in (*here, *there)} == {2 * number - 1}
    assert [one["mine"] for one in (*here, *there)] == [1, 2]
