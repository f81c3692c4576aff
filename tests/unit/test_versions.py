"""Both versions side by side, field by field, as a person reads them."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from monitoring.versions import Part, changed, compare, marked, pairs_at
from syncapp.core.rule.field_paths import MASK
from syncapp.core.text.shown_values import shown
from tests.support.rows import extended


def test_fields_keep_the_order_of_the_local_version_and_differences_are_marked() -> None:
    pairs = compare(extended({"_id": 1, "b": 2, "a": 3}), extended({"_id": 1, "a": 4, "c": 5}))
    assert [(p.name, p.local, p.atlas, p.differs) for p in pairs] == [
        ("_id", "1", "1", False),
        ("b", "2", None, True),
        ("a", "3", "4", True),
        ("c", None, "5", True),
    ]


def test_a_difference_of_types_only_is_seen() -> None:
    (pair,) = compare(extended({"price": 1}), extended({"price": Int64(1)}))
    assert pair.differs
    assert (pair.local, pair.atlas) == ("1 (int)", "1 (long)")
    (nested,) = compare(extended({"lines": [{"n": 1}]}), extended({"lines": [{"n": 1.0}]}))
    assert nested.differs


def test_null_is_not_absent() -> None:
    (pair,) = compare(extended({"note": None}), extended({}))
    assert (pair.local, pair.atlas) == ("null", None)


def test_an_absent_document_has_no_fields() -> None:
    assert [(p.local, p.atlas) for p in compare("", extended({"_id": 1}))] == [(None, "1")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2, "2"),
        (Int64(2), "2"),
        (2.5, "2.5"),
        (float("nan"), "NaN"),
        (Decimal128("11.90"), "11.90"),
        ("Lasagne", '"Lasagne"'),
        (True, "true"),
        (None, "null"),
        (ObjectId("6b02411e05e193a4daaad2ca"), 'ObjectId("6b02411e05e193a4daaad2ca")'),
        (dt.datetime(2026, 3, 1, 12, 0, 5), "2026-03-01 12:00:05 UTC"),
        (dt.datetime(2026, 3, 1, 12, 0, 5, 42_000), "2026-03-01 12:00:05.042 UTC"),
        (DatetimeMS(1_400_000_000_000_000), "1400000000000000 ms since 1970"),
        (DatetimeMS(-1), "1969-12-31 23:59:59.999 UTC"),
        (Binary.from_uuid(uuid.UUID(int=1)), 'UUID("00000000-0000-0000-0000-000000000001")'),
        (b"abc", "3 bytes, YWJj"),
        (Timestamp(7, 1), "Timestamp(7, 1)"),
        (Regex("^a", "i"), "/^a/i"),
        (MinKey(), "MinKey"),
        (MaxKey(), "MaxKey"),
        (Code("return 1"), "return 1"),
        ([1, 2], "[1, 2]"),
        ({"sku": "a", "two words": 1}, '{sku: "a", "two words": 1}'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(value: Any, text: str) -> None:
    (pair,) = compare(extended({"field": value}), extended({"field": value}))
    assert pair.local == text


def test_a_document_that_only_looks_like_a_wrapped_value_is_shown_as_it_is() -> None:
    assert shown({"$oid": {"nested": "x"}}) == '{"$oid": {nested: "x"}}'


def test_what_is_long_stands_on_several_lines() -> None:
    text = shown([{"name": "x" * 30}, {"name": "y" * 30}])
    assert text.splitlines()[0] == "["
    assert len(text.splitlines()) == 4


def test_the_difference_inside_a_long_text_is_marked() -> None:
    left, right = marked("two large pizzas, no onions", "two small pizzas, no onions please")
    assert [part.text for part in left if part.differs] == ["large"]
    assert [part.text for part in right if part.differs] == ["small", " please"]


def test_the_difference_inside_a_nested_field_is_marked() -> None:
    lines = [{"sku": f"pizza-{n}", "count": n, "note": "no onions"} for n in range(9)]
    changed = [dict(line, count=99) if line["count"] == 4 else line for line in lines]
    (pair,) = compare(extended({"lines": lines}), extended({"lines": changed}))
    assert [part for part in pair.atlas_parts if part.differs] == [Part("99", True)]


@pytest.mark.parametrize("change", [("old", "new"), ("", "new"), ("old", "")])
def test_parts_put_together_are_the_text(change: tuple[str, str]) -> None:
    for length in (3, 3_000):  # the long way and the short one
        texts = [f"{'word ' * length}{one}{' word' * length}" for one in change]
        for text, parts in zip(texts, marked(*texts), strict=True):
            assert "".join(part.text for part in parts) == text
        assert any(
            part.differs and re.search("new|old", part.text) for parts in marked(*texts) for part in parts
        )


BASE = {
    "_id": 1,
    "price": 10,
    "name": "tea",
    "customer": {"phone": "1", "city": "Bern", "age": 4},
    "stock": 10,
    "old": 1,
}
HERE = BASE | {"price": 12, "customer": {"phone": "2", "city": "Bern", "age": 5}, "stock": 9}
THERE = {k: v for k, v in BASE.items() if k != "old"} | {
    "name": "green tea", "customer": {"phone": "1", "city": "Basel", "age": 6}, "stock": 9,
}  # fmt: skip


def test_which_side_has_changed_what_is_said_within_documents_too() -> None:
    assert changed(extended(HERE), extended(THERE), extended(BASE)) == {
        "price": "local",
        "name": "atlas",
        "customer.phone": "local",
        "customer.city": "atlas",
        "customer.age": "both",
        "stock": "both",
        "old": "atlas",
    }
    pairs = {pair.name: pair for pair in compare(extended(HERE), extended(THERE), extended(BASE))}
    assert pairs["stock"].differs
    assert pairs["stock"].alike, "both made the same change"
    assert not pairs["customer.age"].alike
    assert (pairs["old"].base, pairs["old"].local, pairs["old"].atlas) == ("1", "1", None)
    assert pairs["price"].local_parts == [Part("12", True)]
    assert pairs["price"].atlas_parts == (Part("10", False),), "it is as in the base"


def test_without_a_base_nobody_is_said_to_have_changed_anything() -> None:
    pairs = compare(extended(HERE), extended(THERE))
    assert [pair.name for pair in pairs if pair.differs] == [
        "price", "name", "customer.phone", "customer.city", "customer.age", "old",
    ]  # fmt: skip
    assert not any(pair.by or pair.based for pair in pairs)


@pytest.mark.parametrize("side", ["local", "atlas"])
def test_of_a_deleted_document_only_what_the_other_side_changed_differs(side: str) -> None:
    versions = ("", extended(THERE)) if side == "local" else (extended(HERE), "")
    told = changed(*versions, extended(BASE))
    assert set(told.values()) == {"atlas" if side == "local" else "local"}
    assert set(told) == (
        {"name", "customer.city", "customer.age", "stock", "old"}
        if side == "local"
        else {"price", "customer.phone", "customer.age", "stock"}
    )


@pytest.mark.parametrize(
    ("base", "local", "atlas", "names"),
    [
        (
            {"a": {"b": 1, "c": 1}},
            {"a": {"c": 1, "b": 1}},
            {"a": {"b": 1, "c": 1}},
            ["a"],
        ),  # in another order
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 2}}, ["a"]),  # was no document
        ({}, {"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 1}}, ["a.b", "a.c"]),  # is new on both sides
        ({"a": {"b": 1}}, {}, {"a": {"b": 2}}, ["a"]),  # is gone on one
        ({"a": {"b.c": 1}}, {"a": {"b.c": 2}}, {"a": {"b.c": 1}}, ["a"]),  # a path would mean another field
        ({"a.b": 1, "a": {"b": 1}}, {"a.b": 2, "a": {"b": 2}}, {"a.b": 1, "a": {"b": 1}}, ["a.b", "a"]),
        ({"a": ObjectId("6b02411e05e193a4daaad2ca")}, {"a": {"b": 1}}, {"a": 1}, ["a"]),
        ({"a": 1}, {"a": Int64(1)}, {"a": 1}, ["a"]),
    ],
)
def test_what_is_compared_as_a_whole(base: Any, local: Any, atlas: Any, names: list[str]) -> None:
    assert list(changed(extended(local), extended(atlas), extended(base))) == names


def test_a_path_into_what_is_masked_shows_the_mask() -> None:
    (pair,) = pairs_at([("customer", "phone")], extended({"customer": MASK}), extended({"customer": MASK}))
    assert (pair.local, pair.atlas) == (f'"{MASK}"', f'"{MASK}"')
