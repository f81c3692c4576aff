"""Both versions side by side, field by field."""

from __future__ import annotations

from bson import Int64, ObjectId

from monitoring.versions import compare, readable
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
    assert (pair.local, pair.atlas) == ('{"$numberInt": "1"}', '{"$numberLong": "1"}')


def test_null_is_not_absent() -> None:
    (pair,) = compare(extended({"note": None}), extended({}))
    assert (pair.local, pair.atlas) == ("null", None)


def test_an_absent_document_has_no_fields() -> None:
    assert [(p.local, p.atlas) for p in compare("", extended({"_id": 1}))] == [(None, "1")]


def test_what_fits_on_a_line_stands_on_one() -> None:
    assert readable({"$oid": str(ObjectId("6b02411e05e193a4daaad2ca"))}) == (
        '{"$oid": "6b02411e05e193a4daaad2ca"}'
    )
    assert readable([{"name": "x" * 30}, {"name": "y" * 30}]).splitlines()[0] == "["


def test_a_date_that_python_cannot_hold_is_shown_as_it_is_kept() -> None:
    assert "253402300800000" in readable({"$date": {"$numberLong": "253402300800000"}})
