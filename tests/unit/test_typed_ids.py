"""An `_id` as a person types it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import bson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Timestamp

from syncapp.core.content import document_key
from syncapp.core.text.extended_json import NoId, extended_id
from syncapp.core.text.plain_ids import plain_id
from syncapp.core.text.typed_ids import id_to_type, typed_id

HEX = "65a1b2c3d4e5f60718293a4b"
UUID_TEXT = "0e1f6a3c-58a3-4b8a-9a43-0d7d2b3f5c11"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A-1001", "A-1001"),
        (" A-1001 ", "A-1001"),
        ("'A 1001'", "A 1001"),
        ('"A 1001"', "A 1001"),
        (f'"{HEX}"', HEX),
        (HEX, ObjectId(HEX)),
        (f"ObjectId('{HEX}')", ObjectId(HEX)),
        (f'{{"$oid": "{HEX}"}}', ObjectId(HEX)),
        ("42", 42),
        ("42.5", 42.5),
        ("NumberLong(42)", Int64(42)),
        ('Long("42")', Int64(42)),
        ("Int32(42)", 42),
        ("Double(42)", 42.0),
        ('NumberDecimal("1.10")', Decimal128("1.10")),
        ("true", True),
        ("null", None),
        ("ISODate('2026-03-01T12:00:05Z')", dt.datetime(2026, 3, 1, 12, 0, 5, tzinfo=dt.UTC)),
        ("new Date('2026-03-01')", dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        (f"UUID('{UUID_TEXT}')", Binary.from_uuid(UUID(UUID_TEXT))),
        ("Timestamp(5, 2)", Timestamp(5, 2)),
        ('{"shop": "a", "no": 7}', {"shop": "a", "no": 7}),
    ],
)
def test_every_usual_way_to_write_an_id_is_understood(text: str, value: object) -> None:
    assert typed_id(text) == bson.encode({"_id": value})


@pytest.mark.parametrize(
    "text", ["", "ObjectId('12')", "Nonsense(1)", "{shop: 1}", "two words", "'open", "NumberLong()"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(NoId):
        typed_id(text)


DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "in_a_list", "to_type"),
    [
        (7, "7", "7"),
        (Int64(7), "7", "7"),
        (7.5, "7.5", "7.5"),
        ("A-1", "A-1", '"A-1"'),
        ("7", "7", '"7"'),
        ("two\nlines", "two\nlines", r'"two\nlines"'),
        (ObjectId(HEX), HEX, f'ObjectId("{HEX}")'),
        (Binary.from_uuid(UUID(UUID_TEXT)), f'UUID("{UUID_TEXT}")', f'UUID("{UUID_TEXT}")'),
        (Timestamp(5, 2), "Timestamp(5, 2)", "Timestamp(5, 2)"),
        (DAY, "2026-03-01 00:00:00 UTC", '{"$date": "2026-03-01T00:00:00Z"}'),
        (
            {"shop": 3, "day": DAY},
            "{shop: 3, day: 2026-03-01 00:00:00 UTC}",
            '{"shop": 3, "day": {"$date": "2026-03-01T00:00:00Z"}}',
        ),
    ],
)
def test_an_id_is_shown_as_people_read_it_and_in_commands_only_so_that_it_can_be_typed_again(
    value: object, in_a_list: str, to_type: str
) -> None:
    id_bson = bson.encode({"_id": value})
    canonical = extended_id(id_bson)
    assert (plain_id(canonical), id_to_type(canonical)) == (in_a_list, to_type)
    assert document_key("", typed_id(id_to_type(canonical))) == document_key("", id_bson)
