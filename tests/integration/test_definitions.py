"""Indexes, validators and options of collections on real servers: compared, and copied to the side that lacks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bson import SON, Regex
from pymongo import IndexModel
from pymongo.database import Database

from syncapp.compare.copy_definitions import Copy, Outcome
from syncapp.compare.definitions import compare_definitions, definitions_of
from syncapp.core.values import Side
from tests.support.versions import OLDEST

Make = Callable[[Database[Any]], Any]
SCHEMA = {"$jsonSchema": {"required": ["total"], "properties": {"total": {"bsonType": ["int", "double"]}}}}


@pytest.fixture
def sides(local_db: Database[Any], atlas_db: Database[Any]) -> dict[Side, Database[Any]]:
    return {Side.LOCAL: local_db, Side.ATLAS: atlas_db}


def lines(sides: dict[Side, Database[Any]]) -> list[str]:
    return [one.text for one in differences(sides)]


def differences(sides: dict[Side, Database[Any]]) -> list[Any]:
    return compare_definitions(*(definitions_of(database) for database in sides.values()))


def mended(sides: dict[Side, Database[Any]], **options: Any) -> list[Outcome]:
    copy = Copy(sides, **options)
    return [copy.mend(one) for one in differences(sides)]


INDEXES: list[dict[str, Any]] = [
    {"keys": [("email", 1)], "unique": True},
    {"keys": [("a", 1), ("b", -1)], "sparse": True},
    {"keys": [("b", -1), ("a", 1)], "name": "named"},
    {"keys": [("name", 1)], "collation": {"locale": "de", "strength": 2}},
    {"keys": [("kind", 1)], "partialFilterExpression": {"total": {"$gt": 5}, "kind": {"$exists": True}}},
    {"keys": [("text", "text"), ("title", "text")], "weights": {"title": 9}, "default_language": "german"},
    {"keys": [("place", "2dsphere")]},
    {"keys": [("hash", "hashed")]},
    {"keys": [("$**", 1)], "wildcardProjection": {"only": 1}},
    {"keys": [("rare", 1)], "hidden": True},
]
COLLECTIONS: list[dict[str, Any]] = [
    {"validator": SCHEMA},
    {"validator": {"name": Regex("^x", "i"), "at": {"$type": "date"}}, "validationLevel": "moderate"},
    {"validator": SCHEMA, "validationAction": "warn"},
    {"capped": True, "size": 8_192},
    {"collation": {"locale": "fr"}},
    *([{"timeseries": {"timeField": "at", "granularity": "hours"}}] if OLDEST >= (5, 0) else []),
    *([{"clusteredIndex": {"key": {"_id": 1}, "unique": True}}] if OLDEST >= (5, 3) else []),
]


def test_what_a_server_adds_by_itself_and_the_order_of_options_are_no_differences(
    sides: dict[Side, Database[Any]],
) -> None:
    for place, database in enumerate(sides.values()):
        database["shop"].create_indexes([IndexModel(**one) for one in INDEXES])
        for number, options in enumerate(COLLECTIONS):
            database.create_collection(f"c{number}", **options)
        database["late"].create_index("at", expireAfterSeconds=60 if place else 60.0, background=True)
    sides[Side.LOCAL]["shop"].create_index("same", name="one")
    sides[Side.ATLAS]["shop"].create_index("same", name="other", sparse=False)
    sides[Side.LOCAL].create_collection("no_documents")
    sides[Side.LOCAL]["_sync_state"].create_index("x")
    assert lines(sides) == []


@pytest.mark.parametrize("index", INDEXES, ids=lambda one: str(one["keys"]))
@pytest.mark.parametrize("side", list(Side))
def test_a_missing_index_is_said_and_copied_exactly(
    sides: dict[Side, Database[Any]], side: Side, index: dict[str, Any]
) -> None:
    for database in sides.values():
        database["shop"].insert_one({"_id": 1, "email": "x"})
    sides[side]["shop"].create_indexes([IndexModel(**index)])
    (found,) = differences(sides)
    assert found.missing is side.other
    assert found.text.startswith('shop: index "')
    assert f"is missing on {'Atlas' if side is Side.LOCAL else 'the local side'}" in found.text
    (outcome,) = mended(sides)
    assert outcome.done, outcome.text
    assert lines(sides) == []


@pytest.mark.parametrize("options", COLLECTIONS, ids=lambda one: next(iter(one)))
def test_a_collection_that_is_missing_is_created_with_its_options(
    sides: dict[Side, Database[Any]], options: dict[str, Any]
) -> None:
    sides[Side.ATLAS].create_collection("shop", **options)
    if "timeseries" in options:
        assert lines(sides)[0].startswith("shop: option timeseries is missing on the local side")
    assert all(one.done for one in mended(sides))
    assert lines(sides) == []


def test_differences_are_said_in_one_line_and_never_overwritten(sides: dict[Side, Database[Any]]) -> None:
    here, there = sides.values()
    here["shop"].create_index("email", unique=True)
    there["shop"].create_index("email")
    here["shop"].create_index([("a", 1), ("b", 1)], name="ab")
    there["shop"].create_index([("b", 1), ("a", 1)], name="ab")
    here["late"].create_index("at", expireAfterSeconds=60)
    there["late"].create_index("at", expireAfterSeconds=3_600)
    here.create_collection("log", capped=True, size=8_192)
    there.create_collection("log")
    here.create_collection("seen", viewOn="shop", pipeline=[])
    there.create_collection("seen", validator=SCHEMA)
    before = lines(sides)
    assert before == [
        'late: index "at_1" differs: expireAfterSeconds 60 here, 3600 on Atlas',
        "log: option capped differs: here true, on Atlas none",
        "log: option size differs: here 8192, on Atlas none",
        "seen: view here, collection on Atlas",
        'shop: index "ab" differs: (a ascending, b ascending) here, (b ascending, a ascending) on Atlas',
        'shop: index "email_1" differs: unique true here, not set on Atlas',
    ]
    outcomes = mended(sides, expiring=True, prefer=Side.LOCAL)
    assert not any(one.done for one in outcomes)
    assert lines(sides) == before
    assert "drop the wrong one" in outcomes[-1].text


def test_one_different_validator_is_mended_as_the_operator_says(sides: dict[Side, Database[Any]]) -> None:
    other = {"total": {"$exists": True}}
    sides[Side.LOCAL].create_collection("bills", validator=SCHEMA)
    sides[Side.ATLAS].create_collection("bills", validator=other, validationAction="warn")
    (line,) = lines(sides)
    assert line.startswith('bills: validator differs: here {"validator": {"$jsonSchema"')
    (outcome,) = mended(sides)
    assert (outcome.done, outcome.text) == (
        False,
        "both sides have one: choose with --from local or --from atlas",
    )
    sides[Side.ATLAS]["bills"].insert_many([{"_id": 1, "total": "x"}, {"_id": 2, "total": 3}])
    (outcome,) = mended(sides, prefer=Side.LOCAL)
    assert outcome.done
    assert (
        outcome.text
        == "set on Atlas; documents there that it would refuse stay as they are, among them _id 1"
    )
    assert lines(sides) == []


def test_a_validator_of_one_side_is_copied(sides: dict[Side, Database[Any]]) -> None:
    sides[Side.LOCAL]["bills"].insert_one({"total": 1})
    sides[Side.ATLAS].create_collection("bills", validator=SCHEMA, validationLevel="moderate")
    (line,) = lines(sides)
    assert line.startswith("bills: validator is missing on the local side; on Atlas: ")
    (outcome,) = mended(sides)
    assert (outcome.done, outcome.text) == (True, "set on the local side")
    assert lines(sides) == []


def test_a_ttl_index_is_copied_only_on_request(sides: dict[Side, Database[Any]]) -> None:
    sides[Side.LOCAL]["carts"].create_index("at", expireAfterSeconds=3_600)
    (outcome,) = mended(sides)
    assert not outcome.done
    assert "both delete expired documents" in outcome.text
    (outcome,) = mended(sides, expiring=True)
    assert outcome.done
    assert lines(sides) == []


def test_how_long_a_build_may_take_is_said_before(sides: dict[Side, Database[Any]]) -> None:
    said: list[str] = []
    sides[Side.LOCAL]["shop"].create_index("a")
    sides[Side.ATLAS]["shop"].insert_many([{"a": n} for n in range(10)])
    (outcome,) = mended(sides, say=said.append)
    assert outcome.done
    (line,) = said
    assert line.startswith(
        'Building index "a_1" of shop on Atlas: about 10 documents, which takes 0 s to 1 s'
    )


REFUSED: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = [
    (
        {"keys": [("email", 1)]},
        [
            {"_id": 1, "email": "x"},
            {"_id": 2, "email": "y"},
            {"_id": 3, "email": "x"},
            {"_id": 4, "email": "x"},
        ],
        '3 documents hold 1 value that must be unique: email "x" in 3, among them _id 1 and _id 4',
    ),
    (
        {"keys": [("email", 1)]},
        [{"_id": 1}, {"_id": 2, "email": None}, {"_id": 3, "email": []}],
        "2 documents hold 1 value that must be unique: email null in 2, among them _id 1 and _id 2",
    ),
    (
        {"keys": [("tags", 1)]},
        [{"_id": 1, "tags": ["a", "b", "b"]}, {"_id": 2, "tags": ["b", "c"]}],
        '2 documents hold 1 value that must be unique: tags "b" in 2, among them _id 1 and _id 2',
    ),
    (
        {"keys": [("name", 1)], "collation": {"locale": "en", "strength": 2}},
        [{"_id": "p", "name": "Ann"}, {"_id": "q", "name": "ANN"}],
        'that must be unique: name "',
    ),
    (
        {"keys": [("a.b", 1), ("c", -1)], "partialFilterExpression": {"on": True}},
        [{"_id": n, "a": {"b": 1}, "c": 2, "on": n > 1} for n in range(4)],
        "2 documents hold 1 value that must be unique: a.b 1, c 2 in 2, among them _id 2 and _id 3",
    ),
    (
        {"keys": [("n", 1)]},
        [{"_id": n, "n": n // 2} for n in range(20)],
        "20 documents hold 10 values that must be unique: n ",
    ),
    (
        {"keys": [("a.b", 1), ("a.c", 1)]},
        [{"_id": n, "a": {"b": 1, "c": n // 2}} for n in range(3)],
        "2 documents hold 1 value that must be unique: a.b 1, a.c 0 in 2, among them _id 0 and _id 1",
    ),
    # What only the server can tell, it says itself
    (
        {"keys": [("a.b", 1), ("a.c", 1)]},
        [{"_id": n, "a": [{"b": 1, "c": 1}]} for n in range(2)],
        "Atlas refuses it: E11000 duplicate key",
    ),
]
ALLOWED: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"keys": [("email", 1)], "sparse": True}, [{"_id": 1}, {"_id": 2}]),
    ({"keys": [("tags", 1)]}, [{"_id": 1, "tags": ["a", "a"]}, {"_id": 2, "tags": []}, {"_id": 3}]),
    ({"keys": [("a", 1), ("b", 1)]}, [{"_id": 1, "a": 1, "b": 1}, {"_id": 2, "a": 1, "b": 2}]),
    ({"keys": [("a", 1)]}, [{"_id": 1, "a": [[1, 2]]}, {"_id": 2, "a": [1, 2]}]),
    (
        {"keys": [("a.b", 1), ("a.c", 1)]},
        [{"_id": 1, "a": [{"b": 1, "c": 1}]}, {"_id": 2, "a": [{"b": 1, "c": 2}]}],
    ),
    (
        {"keys": [("a", 1)], "partialFilterExpression": {"on": True}},
        [{"_id": n, "a": 1, "on": n} for n in range(3)],
    ),
]


@pytest.mark.parametrize(("index", "documents", "text"), REFUSED, ids=lambda one: str(one)[:40])
def test_a_unique_index_that_would_refuse_documents_is_not_built_and_names_them(
    sides: dict[Side, Database[Any]], index: dict[str, Any], documents: list[dict[str, Any]], text: str
) -> None:
    sides[Side.LOCAL]["shop"].create_indexes([IndexModel(**index, unique=True)])
    sides[Side.ATLAS]["shop"].insert_many(documents)
    (outcome,) = mended(sides)
    assert not outcome.done
    assert text in outcome.text
    assert list(sides[Side.ATLAS]["shop"].index_information()) == ["_id_"]


@pytest.mark.parametrize(("index", "documents"), ALLOWED, ids=lambda one: str(one)[:40])
def test_one_that_refuses_none_is_built(
    sides: dict[Side, Database[Any]], index: dict[str, Any], documents: list[dict[str, Any]]
) -> None:
    sides[Side.LOCAL]["shop"].create_indexes([IndexModel(**index, unique=True)])
    sides[Side.ATLAS]["shop"].insert_many(documents)
    (outcome,) = mended(sides)
    assert outcome.done, outcome.text
    assert lines(sides) == []


def test_names_and_values_that_no_python_string_holds_are_copied_exactly(
    sides: dict[Side, Database[Any]],
) -> None:
    name = "line\nbreak"
    sides[Side.LOCAL].create_collection(name, validator={"x": {"$ne": SON([("b", 1), ("a", 2.5)])}})
    sides[Side.LOCAL][name].create_index([("é", 1)], partialFilterExpression={"x": {"$gt": 2**40}})
    assert all("\n" not in line for line in lines(sides))
    assert all(one.done for one in mended(sides))
    assert lines(sides) == []
