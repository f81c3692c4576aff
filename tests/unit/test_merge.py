"""Versions merged field by field: every case as three documents and what comes of them, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from syncapp.core import merge as merging
from syncapp.core.content import wrap
from syncapp.core.merge import Merged, merge
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.values import Side

Document = dict[str, Any]
RULE = CollectionRule(
    numbers={"stock": "sum", "at.stock": "sum", "lines.qty": "sum", "low": "min", "high": "max"},
    arrays={"tags": "union", "lines": {"key": "sku"}, "parts": {"key": "of.sku"}},
)


def merged(
    base: Document | None,
    local: Document,
    atlas: Document,
    winner: Side = Side.ATLAS,
    rule: CollectionRule = RULE,
) -> tuple[Document, tuple[str, ...]]:
    def raw(one: Document) -> bytes:
        return bson.encode({"_id": 1, **one})

    found = merge(
        None if base is None else raw(base), {Side.LOCAL: raw(local), Side.ATLAS: raw(atlas)}, winner, rule
    )
    assert found is not None
    document = bson.decode(found.document)
    assert document.pop("_id") == 1
    return document, found.contested


def line(sku: str, qty: int, **more: Any) -> Document:
    return {"sku": sku, "qty": qty, **more}


CASES: Mapping[str, tuple[Document | None, Document, Document, Document, tuple[str, ...]]] = {
    "two fields": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, ()),
    "one field": ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}, ("a",)),
    "the same change": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 2}, {"a": 2, "b": 2}, ()),
    "nested": ({"x": {"a": 1, "b": 1}}, {"x": {"a": 2, "b": 1}}, {"x": {"a": 1, "b": 2}}, {"x": {"a": 2, "b": 2}}, ()),
    "nested, one field": ({"x": {"a": 1}}, {"x": {"a": 2}}, {"x": {"a": 3}}, {"x": {"a": 3}}, ("x.a",)),
    "a type changed": ({"a": 1}, {"a": {"b": 1}}, {"a": 2}, {"a": 2}, ("a",)),
    "a number's type changed": ({"a": 1}, {"a": 1.0}, {"a": 1}, {"a": 1.0}, ()),
    "added": ({}, {"a": 1}, {"b": 1}, {"b": 1, "a": 1}, ()),
    "a document added on both sides": ({}, {"x": {"a": 1}}, {"x": {"b": 1}}, {"x": {"b": 1, "a": 1}}, ()),
    "deleted": ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}, ()),
    "deleted here, changed there": ({"a": 1}, {}, {"a": 2}, {"a": 2}, ("a",)),
    "changed here, deleted there": ({"a": 1}, {"a": 2}, {}, {}, ("a",)),
    "order": ({"a": 1, "b": 1, "c": 1}, {"c": 2, "a": 1, "b": 1, "d": 1}, {"b": 1, "a": 1, "c": 1, "e": 1},
              {"b": 1, "a": 1, "c": 2, "e": 1, "d": 1}, ()),
    "an array by default": ({"l": [1]}, {"l": [1, 2]}, {"l": [1, 3]}, {"l": [1, 3]}, ("l",)),
    "a union": ({"tags": [1, 2]}, {"tags": [2, 3]}, {"tags": [1, 2, 4]}, {"tags": [2, 4, 3]}, ()),
    "a union without base": (None, {"tags": [1, 2]}, {"tags": [2, 3]}, {"tags": [2, 3, 1]}, ()),
    "by key": (
        {"lines": [line("a", 10), line("b", 1), line("c", 1)]},
        {"lines": [line("a", 9), line("b", 1, x=1), line("d", 1)]},
        {"lines": [line("c", 1), line("a", 8), line("b", 1, y=1)]},
        {"lines": [line("a", 7), line("b", 1, y=1, x=1), line("d", 1)]}, (),
    ),
    "by key, removed here and changed there": (
        {"lines": [line("a", 1), line("b", 1)]}, {"lines": [line("b", 1)]},
        {"lines": [line("a", 2), line("b", 1)]}, {"lines": [line("a", 2), line("b", 1)]}, ("lines",),
    ),
    "by key, and one is there twice": (
        {"lines": []}, {"lines": [line("a", 1), line("a", 1)]}, {"lines": [line("b", 1)]},
        {"lines": [line("b", 1)]}, ("lines",),
    ),
    "by key, without base": (
        None, {"lines": [line("a", 9), line("b", 1)]}, {"lines": [line("a", 8), line("c", 1)]},
        {"lines": [line("a", 8), line("c", 1), line("b", 1)]}, ("lines.qty",),
    ),
    "by key, and the base has no keys": (
        {"lines": [line("a", 10), {"qty": 1}]}, {"lines": [line("a", 9), line("b", 1)]}, {"lines": [line("a", 8)]},
        {"lines": [line("a", 8), line("b", 1)]}, ("lines.qty",),
    ),
    "by a key within": (
        {"parts": [{"of": {"sku": "a"}, "x": 1, "y": 1}]}, {"parts": [{"of": {"sku": "a"}, "x": 2, "y": 1}]},
        {"parts": [{"of": {"sku": "a"}, "x": 1, "y": 2}]}, {"parts": [{"of": {"sku": "a"}, "x": 2, "y": 2}]}, (),
    ),
    "by key, 1 is 1.0": (
        {"lines": [{"sku": 1, "x": 1, "y": 1}]}, {"lines": [{"sku": 1.0, "x": 2, "y": 1}]},
        {"lines": [{"sku": 1, "x": 1, "y": 2}]}, {"lines": [{"sku": 1.0, "x": 2, "y": 2}]}, (),
    ),
    "a sum": ({"stock": 10}, {"stock": 9}, {"stock": 8}, {"stock": 7}, ()),
    "a sum of equal edits": ({"stock": 10}, {"stock": 9}, {"stock": 9}, {"stock": 8}, ()),
    "a nested sum of equal edits": ({"at": {"stock": 10}}, {"at": {"stock": 9}}, {"at": {"stock": 9}}, {"at": {"stock": 8}}, ()),
    "a sum of equal edits in a line": (
        {"lines": [line("a", 10)]}, {"lines": [line("a", 9)]}, {"lines": [line("a", 9)]},
        {"lines": [line("a", 8)]}, (),
    ),
    "a sum on one side": ({"stock": 10}, {"stock": 9, "a": 1}, {"stock": 10, "b": 1}, {"stock": 9, "b": 1, "a": 1}, ()),
    "a sum from nothing": ({}, {"stock": 2}, {"stock": 3}, {"stock": 5}, ()),
    "a sum without base": (None, {"stock": 2}, {"stock": 3}, {"stock": 3}, ("stock",)),
    "a sum deleted on one side": ({"stock": 10}, {}, {"stock": 9}, {"stock": 9}, ("stock",)),
    "a sum of a text": ({"stock": "x"}, {"stock": 2}, {"stock": 3}, {"stock": 3}, ("stock",)),
    "least and greatest": ({"low": 5, "high": 5}, {"low": 4, "high": 6}, {"low": 3.5, "high": 9}, {"low": 3.5, "high": 9}, ()),
    "the least without base": (None, {"low": 4}, {"low": 5}, {"low": 4}, ()),
    "not a number": ({"low": 1}, {"low": float("nan")}, {"low": 2}, {"low": 2}, ("low",)),
    "no base": (None, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "d": 1}, {"a": 1, "b": 2, "d": 1}, ("b", "d", "c")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_field_is_taken_from_the_side_that_changed_it(case: str) -> None:
    base, local, atlas, wanted, contested = CASES[case]
    found, paths = merged(base, local, atlas)
    assert list(found.items()) == list(wanted.items())
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in wanted.items()}
    assert paths == contested


MAX32, MAX64 = 2**31 - 1, Int64(2**63 - 1)


@pytest.mark.parametrize(
    ("base", "local", "atlas", "wanted"),
    [
        (10, 9, 8, 7),
        (10, Int64(9), 8, Int64(7)),
        (Int64(10), 9, 8, Int64(7)),
        (10, 9.5, 8, 7.5),
        (0.3, 0.2, 0.2, 0.1),
        (10, 9, Decimal128("8.10"), Decimal128("7.10")),
        (0, MAX32, 1, Int64(2**31)),
        (0, -MAX32, -2, Int64(-MAX32 - 2)),
        (0, -MAX32, -1, -MAX32 - 1),
    ],
)
def test_a_sum_keeps_the_widest_type(base: Any, local: Any, atlas: Any, wanted: Any) -> None:
    found, contested = merged({"stock": base}, {"stock": local}, {"stock": atlas})
    assert (found["stock"], type(found["stock"])) == (wanted, type(wanted))
    assert not contested


@pytest.mark.parametrize(
    ("base", "local", "atlas"),
    [
        (Int64(0), MAX64, Int64(1)),
        (0.0, 1e308, 1.5e308),
        (1.0, float("inf"), 2.0),
        (Decimal128("0"), Decimal128("1E+6144"), Decimal128("1E-6176")),
        (Decimal128("0"), Decimal128("9.9E+6144"), Decimal128("9.8E+6144")),
    ],
)
def test_a_sum_that_no_number_holds_is_contested(base: Any, local: Any, atlas: Any) -> None:
    found, contested = merged({"stock": base}, {"stock": local}, {"stock": atlas}, Side.LOCAL)
    assert (found["stock"], contested) == (local, ("stock",))


def test_fields_of_one_name_cannot_be_told_apart() -> None:
    twice = wrap(bson.encode({"_id": 1, "a": 1})[4:-1] + bson.encode({"a": 2})[4:-1])
    other = bson.encode({"_id": 1, "a": 3, "b": 1})
    found = merge(other, {Side.LOCAL: twice, Side.ATLAS: other}, Side.LOCAL, RULE)
    assert found == Merged(twice, ("the whole document",))


def test_what_would_be_too_large_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "LARGEST", 60)
    sides = {
        Side.LOCAL: bson.encode({"_id": 1, "a": "x" * 20}),
        Side.ATLAS: bson.encode({"_id": 1, "b": "x" * 20}),
    }
    assert merge(bson.encode({"_id": 1}), sides, Side.LOCAL, RULE) is None


NUMBERS = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, Int64(3), Decimal128("1.5")]))
LINES = st.lists(
    st.fixed_dictionaries({"sku": st.sampled_from("abc")}, optional={"qty": NUMBERS, "x": NUMBERS}),
    max_size=3, unique_by=lambda one: one["sku"],
)  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "a": NUMBERS, "x": st.dictionaries(st.sampled_from("ab"), NUMBERS), "stock": NUMBERS, "low": NUMBERS,
        "tags": st.lists(st.integers(0, 3), max_size=3, unique=True), "lines": LINES,
    },
)  # fmt: skip


@given(DOCUMENTS, DOCUMENTS, st.sampled_from(list(Side)))
def test_a_change_on_one_side_alone_is_taken_as_it_is(
    base: Document, changed: Document, winner: Side
) -> None:
    for versions in ((changed, base), (base, changed)):
        found, contested = merged(base, *versions, winner)
        assert (found, contested) == (changed, ())


@given(st.none() | DOCUMENTS, DOCUMENTS, DOCUMENTS, st.sampled_from(list(Side)))
def test_both_devices_would_merge_alike(
    base: Document | None, local: Document, atlas: Document, winner: Side
) -> None:
    """The same two versions seen from the other side, with the same winner."""
    assert merged(base, local, atlas, winner) == merged(base, atlas, local, winner.other)
