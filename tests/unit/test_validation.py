"""Validation rules: what they refuse, in which words, and which schemas cannot be one."""

from __future__ import annotations

import datetime as dt
import time
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

from syncapp.rules.json_schema import compile_schema
from syncapp.rules.schema_check import WrongSchema, read_schema, unwrapped
from syncapp.rules.validation import ValidationRules


def said(schema: dict[str, Any], document: dict[str, Any]) -> str | None:
    return compile_schema(schema)(bson.encode({"_id": 1, **document}))


def of_x(**keywords: Any) -> dict[str, Any]:
    return {"properties": {"x": keywords}}


VALUES = {
    "double": 1.5, "string": "a", "object": {"a": 1}, "array": [1], "binData": Binary(b"x", 5),
    "objectId": ObjectId(), "bool": True, "date": dt.datetime(2026, 1, 1), "null": None,
    "regex": Regex("a"), "javascript": Code("f"), "javascriptWithScope": Code("f", {"a": 1}), "int": 5,
    "timestamp": Timestamp(1, 1), "long": Int64(5), "decimal": Decimal128("1.5"), "minKey": MinKey(),
    "maxKey": MaxKey(),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_each_type_of_bson_is_told_from_every_other(name: str) -> None:
    for other, value in VALUES.items():
        reason = said(of_x(bsonType=name), {"x": value})
        assert (reason is None) == (other == name), other
        if reason:
            assert reason == f"x is of type {other}; allowed: {name}"


@pytest.mark.parametrize(
    ("keywords", "good", "bad", "reason"),
    [
        ({"bsonType": ["int", "null"]}, [1, None], "a", "x is of type string; allowed: int, null"),
        ({"bsonType": "number"}, [1, 1.5, Int64(1), Decimal128("1")], True, "x is of type bool; allowed: number"),
        ({"bsonType": "date"}, [DatetimeMS(10**15)], 5, "x is of type int; allowed: date"),
        ({"type": "boolean"}, [True], 1, "x is of type int; allowed: boolean"),
        ({"type": ["string", "null"]}, ["", None], Code("f"), "x is of type javascript; allowed: string, null"),
        ({"minimum": 3}, [3, 4.0, Int64(9), Decimal128("3.0"), "text"], 2, "x is 2; allowed: at least 3"),
        ({"minimum": 3}, [float("inf")], Decimal128("2.99"), "x is 2.99; allowed: at least 3"),
        ({"minimum": 3}, [Decimal128("Infinity")], Decimal128("NaN"), "x is NaN; allowed: at least 3"),
        ({"minimum": 3, "exclusiveMinimum": True}, [3.1], 3, "x is 3; allowed: more than 3"),
        ({"maximum": 3}, [3, -5], 3.5, "x is 3.5; allowed: at most 3"),
        ({"maximum": {"$numberDecimal": "0.1"}}, [0], 0.1, "x is 0.1; allowed: at most 0.1"),
        ({"maximum": 3, "exclusiveMaximum": True}, [2], 3, "x is 3; allowed: less than 3"),
        ({"minLength": 2}, ["äö", 5], "ä", "x is shorter than 2"),
        ({"maxLength": 2}, ["äö"], "abc", "x is longer than 2"),
        ({"pattern": "^a.c"}, ["abcd", 5], "xabc", 'x does not match "^a.c"'),
        ({"enum": ["a", 1, None]}, ["a", 1, None], "b", 'x is "b"; allowed: ["a", 1, null]'),
        ({"enum": [{"$numberLong": "7"}]}, [Int64(7)], 8, "x is 8; allowed: [7]"),
        ({"minItems": 1}, [[1], "text"], [], "x has fewer than 1 items"),
        ({"maxItems": 1}, [[1]], [1, 2], "x has more than 1 items"),
        ({"uniqueItems": True}, [[1, "1"]], [1, 2, 1], "x holds an item twice"),
        ({"items": {"bsonType": "int"}}, [[1, 2], []], [1, "b"], "x.1 is of type string; allowed: int"),
        ({"items": [{"bsonType": "int"}, {"bsonType": "string"}]}, [[1, "a"]], ["a"], "x.0 is of type string; allowed: int"),
        ({"required": ["a"]}, [{"a": None}, 5], {"b": 1}, "x.a is missing"),
        ({"properties": {"a": {"bsonType": "int"}}}, [{"a": 1}, {}], {"a": "b"}, "x.a is of type string; allowed: int"),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}], {"a": 1, "b": 2}, "x.b is not allowed"),
        ({"additionalProperties": {"bsonType": "int"}}, [{"a": 1}], {"a": "b"}, "x.a is of type string; allowed: int"),
        (
            {"patternProperties": {"^n": {"bsonType": "int"}}, "additionalProperties": False},
            [{"n1": 1}],
            {"n1": "b"},
            "x.n1 is of type string; allowed: int",
        ),
        ({"minProperties": 1}, [{"a": 1}], {}, "x has fewer than 1 fields"),
        ({"maxProperties": 1}, [{"a": 1}], {"a": 1, "b": 2}, "x has more than 1 fields"),
        ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, [2], 4, "x is 4; allowed: at most 3"),
        ({"anyOf": [{"minimum": 5}, {"maximum": 1}]}, [1, 5], 3, "x fits none of the alternatives of anyOf"),
        ({"oneOf": [{"minimum": 2}, {"maximum": 3}]}, [1], 2, "x does not fit exactly one of the alternatives of oneOf"),
        ({"not": {"bsonType": "null"}}, [1], None, "x is what the rule does not allow"),
        ({"title": "X", "description": "whatever"}, [1, None, "a"], None, None),
    ],
)  # fmt: skip
def test_a_keyword(keywords: dict[str, Any], good: list[Any], bad: Any, reason: str | None) -> None:
    for value in good:
        assert said(of_x(**keywords), {"x": value}) is None, value
    assert said(of_x(**keywords), {"x": bad}) == reason
    assert said(of_x(**keywords), {}) is None, "an absent field is the matter of required alone"


def test_several_faults_are_named_and_long_values_are_cut() -> None:
    schema = {"required": ["a", "b", "c", "d"], "properties": {"x": {"enum": ["a"]}}}
    assert said(schema, {"x": "y"}) == "a is missing; b is missing; c is missing"
    long = said({"properties": {"x": {"enum": ["a"]}}}, {"x": "y" * 100_000})
    assert long is not None
    assert len(long) < 300


def test_a_reference_is_a_document_like_any_other() -> None:
    schema = of_x(bsonType="object", required=["$ref", "extra"])
    assert said(schema, {"x": DBRef("c", 1)}) == "x.extra is missing"
    assert said(schema, {"x": DBRef("c", 1, None, {"extra": 1})}) is None


def test_text_that_is_not_utf8_can_be_checked() -> None:
    document = bson.encode({"_id": 1, "x": "ab"}).replace(b"ab", b"\xff\xfe")
    assert compile_schema(of_x(bsonType="int"))(document) == "x is of type string; allowed: int"


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ([], "schema is []; allowed: an object"),
        ("text", 'schema is "text"; allowed: an object'),
        ({"$jsonSchema": {"format": "date"}}, "format is not supported; supported keywords: bsonType, type"),
        ({"properties": {"a": {"$schema": "x"}}}, "properties.a.$schema is not supported"),
        ({"items": [{"multipleOf": 2}]}, "items.0.multipleOf is not supported"),
        ({"bsonType": "integer"}, 'bsonType is "integer"; allowed: one or a list of double, string'),
        ({"bsonType": []}, "bsonType is []; allowed: one or a list of"),
        ({"type": "int"}, 'type is "int"; allowed: one or a list of boolean, object'),
        ({"required": "total"}, 'required is "total"; allowed: a list of names'),
        ({"required": []}, "required is []; allowed: a list of names"),
        ({"properties": ["a"]}, 'properties is ["a"]; allowed: an object of schemas'),
        ({"properties": {"a": 5}}, "properties.a is 5; allowed: an object"),
        ({"minimum": "3"}, 'minimum is "3"; allowed: a number'),
        ({"minimum": True}, "minimum is true; allowed: a number"),
        ({"minLength": -1}, "minLength is -1; allowed: a whole number from 0"),
        ({"exclusiveMinimum": True}, "exclusiveMinimum needs minimum beside it"),
        ({"exclusiveMinimum": 3}, "exclusiveMinimum is 3; allowed: true or false"),
        ({"pattern": "("}, 'pattern is "("; allowed: a regular expression'),
        ({"patternProperties": {"(": {}}}, "allowed: an object of schemas, whose names are regular expressions"),
        ({"anyOf": []}, "anyOf is []; allowed: a list of schemas"),
        ({"not": {"allOf": [{"enum": []}]}}, "not.allOf.0.enum is []; allowed: a list of values"),
        ({"additionalProperties": "no"}, 'additionalProperties is "no"; allowed: true, false or a schema'),
        ({"enum": [{"$numberLong": "x"}]}, "the schema is not valid extended JSON"),
    ],
)  # fmt: skip
def test_a_wrong_schema_is_named(schema: Any, line: str) -> None:
    with pytest.raises(WrongSchema) as raised:
        read_schema(schema)
    assert line in str(raised.value)


def test_a_schema_that_is_nested_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(60):
        schema = {"items": schema}
    with pytest.raises(WrongSchema):
        read_schema(schema)


def test_a_schema_as_validators_have_it_is_taken_too() -> None:
    assert unwrapped({"$jsonSchema": {"required": ["a"]}}) == {"required": ["a"]}
    assert said({"$jsonSchema": {"required": ["a"]}}, {}) == "a is missing"


def test_all_rules_that_fit_a_collection_count_and_name_themselves() -> None:
    rules = ValidationRules.of([("order*", {"required": ["total"]}), ("orders", {"required": ["shop"]})])
    assert rules.check_for("guests") is None
    check = rules.check_for("orders")
    assert check is not None
    assert check(bson.encode({"_id": 1})) == "Validation rule order*: total is missing"
    assert check(bson.encode({"_id": 1, "total": 1})) == "Validation rule orders: shop is missing"
    assert check(bson.encode({"_id": 1, "total": 1, "shop": 2})) is None


def test_rules_that_say_the_same_are_equal() -> None:
    one = ValidationRules.of([("a", {"required": ["x"]}), ("b", {})])
    assert one == ValidationRules.of([("b", {}), ("a", {"required": ["x"]})])
    assert one != ValidationRules.of([("a", {"required": ["y"]}), ("b", {})])


def test_checking_is_quick_enough_to_be_done_for_every_document() -> None:
    schema = {
        "bsonType": "object",
        "required": ["total", "lines"],
        "properties": {
            "total": {"bsonType": "decimal", "minimum": 0},
            "status": {"enum": ["open", "paid"]},
            "lines": {"bsonType": "array", "items": {"bsonType": "object", "required": ["price"]}},
        },
    }
    check = compile_schema(schema)
    order = {"_id": 1, "total": Decimal128("11.50"), "status": "open", "lines": [{"price": 1}] * 3}
    document = bson.encode(order)
    started = time.perf_counter()
    for _ in range(200):
        assert check(document) is None
    assert (time.perf_counter() - started) / 200 < 0.005
