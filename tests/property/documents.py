"""Documents as applications store them, drawn by Hypothesis as raw BSON: every type, every type of `_id`,
odd field names, deep ones, and fields in any order."""

from __future__ import annotations

import struct
from typing import Any

import bson
from bson import (
    Binary,
    Code,
    DatetimeMS,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from hypothesis import strategies as st

from syncapp.core.content import element, id_of
from tests.support.versions import ODD_NAMES

Element = tuple[int, bytes]  # type byte and value
INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NO_NUL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
BYTES = st.binary(max_size=12)
NAMES = st.one_of(
    st.sampled_from(["a", "b", "n", "", "$", "$set", "$ref", "a.b", ".", "..", "a.0", "0", "ü", " ", "_ID"]),
    NO_NUL,
).filter(lambda name: name != "_id" and (ODD_NAMES or not name.startswith("$")))


def _of(value: Any) -> Element:
    raw = bson.encode({"": value})
    return raw[4], raw[6:-1]


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<i", len(raw) + 1) + raw + b"\0"


# What an `_id` may be
IDS = st.one_of(
    INT32,
    INT64.map(Int64),
    st.floats(),
    TEXT,
    BYTES,
    st.builds(Binary, st.binary(min_size=16, max_size=16), st.sampled_from([3, 4, 5, 128])),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.booleans(),
    st.none(),
    INT64.map(DatetimeMS),
    st.builds(
        lambda digits, exponent: Decimal128(f"{digits}E{exponent}"),
        st.integers(1 - 10**34, 10**34 - 1),
        st.integers(-6176, 6111),
    ),
    st.sampled_from([Decimal128("NaN"), Decimal128("-Infinity"), Decimal128("-0E-5")]),
    st.builds(Timestamp, st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.sampled_from([MinKey(), MaxKey(), Code("x"), Code("x", {"a": 1})]),
    st.dictionaries(st.sampled_from("abc"), st.one_of(INT32, TEXT, st.lists(INT32, max_size=2)), max_size=3),
).map(_of)
# The server takes all of one row for the same `_id`
SAME_IDS = [
    [_of(one) for one in (1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.00"))],
    [_of(one) for one in (0, -0.0, Decimal128("-0"))],
    [_of(one) for one in ({"a": 1}, {"a": 1.0})],
]


SCALARS: st.SearchStrategy[Element] = st.one_of(
    IDS,
    st.builds(
        lambda payload: (0x01, struct.pack("<Q", 0x7FF8_0000_0000_0000 | payload)), st.integers(0, 2**40)
    ),
    st.sampled_from(
        [(0x06, b""), (0x11, bytes(8)), (0x0E, _string("symbol")), (0x0C, _string("db.c") + bytes(12))]
    ),
    st.builds(lambda pattern, flags: _of(Regex(pattern, flags)), NO_NUL, st.integers(0, 31)),
    st.builds(lambda code: _of(Code(code, {"x": 1})), TEXT),
)


def document(elements: list[tuple[str, Element]]) -> bytes:
    body = b"".join(bytes([kind]) + name.encode() + b"\0" + value for name, (kind, value) in elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def _nested(inner: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    embedded = st.lists(st.tuples(NAMES, inner), max_size=3, unique_by=lambda field: field[0])
    arrays = st.lists(inner, max_size=3).map(lambda found: [(str(n), one) for n, one in enumerate(found)])
    return st.one_of(
        embedded.map(lambda fields: (0x03, document(fields))),
        arrays.map(lambda fields: (0x04, document(fields))),
    )


VALUES = st.recursive(SCALARS, _nested, max_leaves=6)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=4, unique_by=lambda field: field[0])


def ids(count: int = 3) -> st.SearchStrategy[list[Element]]:
    """A few `_id`s, mostly different ones to the server; some are one and the same in other types."""
    return st.one_of(
        st.lists(IDS, min_size=1, max_size=count),
        st.sampled_from(SAME_IDS).flatmap(
            lambda row: st.lists(st.sampled_from(row), min_size=1, max_size=count)
        ),
    )


def with_id(identity: Element, fields: list[tuple[str, Element]]) -> bytes:
    return document([("_id", identity), *fields])


def id_filter(raw: bytes) -> bytes:
    """BSON of {_id: {$eq: …}}: an `_id` that holds an operator's name is meant as a value."""
    equal = b"\x03_id\0" + _wrapped(element(id_of(raw), b"$eq"))
    return _wrapped(equal)


def _wrapped(elements: bytes) -> bytes:
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"
