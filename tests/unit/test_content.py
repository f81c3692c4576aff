"""Hashes, `_id`s cut out of raw BSON, and identity as the server sees it."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import bson
import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core import content

IDS: list[Any] = [
    1, Int64(2**40), 1.5, -0.0, float("nan"), float("inf"), Decimal128("3.10"), "text", b"bytes",
    Binary(b"x" * 16, 4), ObjectId("0" * 24), True, False, None, dt.datetime(2026, 1, 1), DatetimeMS(-(10**15)),
    Timestamp(0, 0), Timestamp(5, 6), MinKey(), MaxKey(), Code("x"), Code("x", {"a": 1}),
    {"a": 1, "b": {"c": [1, 2]}}, DBRef("c", 1),
]  # fmt: skip


def key(value: Any) -> content.DocumentKey:
    return content.document_key("orders", bson.encode({"_id": value}))


@pytest.mark.parametrize("value", IDS, ids=repr)
def test_an_id_of_every_type_is_cut_out_as_it_is(value: Any) -> None:
    document = bson.encode({"_id": value, "name": "x", "n": 1})
    assert content.id_of(document) == bson.encode({"_id": value})


@pytest.mark.parametrize(
    "equal",
    [
        [1, Int64(1), 1.0, Decimal128("1"), Decimal128("1.00"), Decimal128("10E-1")],
        [0, -0.0, Decimal128("-0"), Decimal128("0E+10")],
        [0.5, Decimal128("0.5")],
        [float("nan"), Decimal128("NaN")],
        [float("inf"), Decimal128("Infinity")],
        [float("-inf"), Decimal128("-Infinity")],
        [2.0**100, Decimal128(str(2**100))],
        [1e300],
        [{"a": 1, "b": [1]}, {"a": 1.0, "b": [Int64(1)]}],
    ],
    ids=repr,
)
def test_what_the_server_takes_for_one_id_is_one_key(equal: list[Any], local_db: Database[Any]) -> None:
    local_db.numbers.insert_one({"_id": equal[0]})
    for one in equal:
        assert key(one) == key(equal[0])
        assert local_db.numbers.count_documents({"_id": one}) == 1


def test_what_the_server_tells_apart_is_not_one_key() -> None:
    different = [
        1, 2, 1.5, True, "1", b"1", Binary(b"1", 5), None, {"a": 1}, {"a": 1, "b": 1}, {"b": 1}, {"a": "1"},
        Decimal128("0.1"), 0.1, Int64(2**53 + 1), 2.0**53, Timestamp(1, 0), dt.datetime(1970, 1, 1),
        ObjectId("0" * 24), Decimal128("1E+6000"), Decimal128("1E+6001"), MinKey(), MaxKey(),
    ]  # fmt: skip
    for one, other in itertools.combinations(different, 2):
        assert key(one) != key(other), (one, other)


def test_keys_of_different_collections_are_different() -> None:
    raw = bson.encode({"_id": 1})
    assert content.document_key("a", raw) != content.document_key("b", raw)
    assert content.key_hash(content.document_key("a", raw)) != content.key_hash(
        content.document_key("b", raw)
    )


def test_the_order_of_fields_and_the_types_of_numbers_count_for_the_hash() -> None:
    documents = [{"_id": 1, "a": 1, "b": 2}, {"_id": 1, "b": 2, "a": 1}, {"_id": 1, "a": 1.0, "b": 2}]
    hashes = {content.content_hash(bson.encode(document)) for document in documents}
    assert len(hashes) == 3
    assert content.content_hash(None) == content.ABSENT not in hashes


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"_id": 1, "at": Timestamp(0, 0)}, True),
        ({"_id": Timestamp(0, 0), "x": bytes(20)}, True),
        ({"_id": 1, "deep": {"at": Timestamp(0, 0)}}, False),
        ({"_id": 1, "text": "\x11 \0\0\0\0\0\0\0\0", "re": Regex("a", "i"), "at": Timestamp(1, 0)}, False),
        ({"_id": 1, "re": Regex("a", "i"), "c": Code("x", {}), "z": [1], "at": Timestamp(0, 0)}, True),
    ],
    ids=repr,
)
def test_an_empty_timestamp_is_found_at_the_top_level_only(document: dict[str, Any], expected: bool) -> None:
    assert content.has_empty_timestamp(bson.encode(document)) is expected


@given(
    st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(), st.binary(), st.floats()), max_size=20)
)
def test_a_filter_holds_the_ids_in_their_order_and_bytes(values: list[Any]) -> None:
    raw = [bson.encode({"_id": value}) for value in values]
    decoded = bson.decode(content.ids_filter(raw))
    assert list(decoded["_id"]) == ["$in"]
    again = [bson.encode({"_id": value}) for value in decoded["_id"]["$in"]]
    assert again == raw


def test_a_document_with_what_is_no_utf8_can_be_shown() -> None:
    broken = bson.encode({"_id": 1, "s": "ab"}).replace(b"ab", b"\xff\xfe")
    assert content.decode_for_people(broken) == {"_id": 1, "s": "\ufffd\ufffd"}


@given(st.lists(st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9)), max_size=200))
def test_documents_are_cut_out_of_an_array(documents: list[dict[str, int]]) -> None:
    array = bson.encode({"a": documents})[7:-1]
    assert content.documents_in(array) == [bson.encode(one) for one in documents]
