"""Both versions side by side, field by field, as a person reads them."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from monitoring.shown_values import shown
from monitoring.versions import Part, compare, marked
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
