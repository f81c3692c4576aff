"""`_id`s that are kept as samples of what a halt or a comparison is about."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex, Timestamp, json_util
from bson.json_util import DatetimeConversion

from syncapp.core.content import document_key
from syncapp.core.text.extended_json import LONGEST_SAMPLE, sample_id
from syncapp.store.halts import SAMPLES, samples_of

EXACT = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS
)
IDS: list[Any] = [
    1, 1.5, Int64(1), Decimal128("1.50"), True, "a", "", "a\0b", "…" * 300, None, ObjectId("65e8a1f0c0ffee0123456789"), {"a": 1, "b": {"$x": 2}},
    Binary.from_uuid(uuid.UUID(int=7)), Binary(b"\xff", 128), dt.datetime(2026, 3, 1, tzinfo=dt.UTC), Regex("a"),
    bson.DatetimeMS(1_400_000_000_000_000), Timestamp(1, 2), bson.MinKey(), float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", IDS, ids=lambda value: ascii(value)[:30])
def test_every_id_can_be_read_back(value: Any) -> None:
    whole = bson.encode({"_id": value})
    assert bson.encode({"_id": json_util.loads(sample_id(whole), json_options=EXACT)}) == whole


def test_what_is_not_utf_8_is_shown_as_well_as_it_can_be() -> None:
    key = bson.encode({"_id": "ab"}).replace(b"ab", b"\xffb")
    assert json_util.loads(sample_id(key)) == "\N{REPLACEMENT CHARACTER}b"


def test_what_is_too_long_is_left_out_and_others_take_its_place() -> None:
    long = "a" * LONGEST_SAMPLE
    keys = [document_key("c", bson.encode({"_id": one})) for one in (long, *range(10))]
    assert [json_util.loads(one) for one in samples_of(keys)["samples"]] == list(range(SAMPLES))
