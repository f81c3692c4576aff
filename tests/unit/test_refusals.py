"""Why a server refuses a document, as a person reads it. The errors are as MongoDB 6.0.5 sends them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from bson import Int64, ObjectId

from syncapp.mongo.refusals import LENGTH, reason_of


def validation(*rules: dict[str, Any]) -> dict[str, Any]:
    details = {"operatorName": "$jsonSchema", "schemaRulesNotSatisfied": list(rules)}
    return {
        "code": 121,
        "errmsg": "Document failed validation",
        "errInfo": {"failingDocumentId": 1, "details": details},
    }


def wrong_type(name: str) -> dict[str, Any]:
    failed = {
        "operatorName": "bsonType",
        "specifiedAs": {"bsonType": "int"},
        "reason": "type did not match",
        "consideredValue": "much",
        "consideredType": "string",
    }
    return {"propertyName": name, "details": [failed]}


PROPERTIES = {"operatorName": "properties", "propertiesNotSatisfied": [wrong_type("total")]}
REQUIRED = {
    "operatorName": "required",
    "specifiedAs": {"required": ["total", "shop"]},
    "missingProperties": ["shop"],
}
UNKNOWN = {
    "operatorName": "additionalProperties",
    "specifiedAs": {"additionalProperties": False},
    "additionalProperties": ["zzz"],
}
NESTED = {
    "operatorName": "properties",
    "propertiesNotSatisfied": [
        {
            "propertyName": "lines",
            "details": [
                {
                    "operatorName": "items",
                    "reason": "At least one item did not match the sub-schema",
                    "itemIndex": 1,
                    "details": [
                        {"operatorName": "properties", "propertiesNotSatisfied": [wrong_type("price")]}
                    ],
                }
            ],
        }
    ],
}
MINIMUM = {
    "operatorName": "properties",
    "propertiesNotSatisfied": [
        {
            "propertyName": "total",
            "details": [
                {
                    "operatorName": "minimum",
                    "specifiedAs": {"minimum": 3},
                    "reason": "comparison failed",
                    "consideredValue": Int64(1),
                }
            ],
        }
    ],
}
EXPRESSION = {
    "code": 121,
    "errmsg": "Document failed validation",
    "errInfo": {
        "details": {
            "operatorName": "$expr",
            "specifiedAs": {"$expr": {"$lt": ["$a", "$b"]}},
            "reason": "expression did not match",
            "expressionResult": False,
        }
    },
}
TAKEN = {
    "code": 11000,
    "errmsg": 'E11000 duplicate key error collection: t.u index: email_1 dup key: { email: "a" }',
    "keyPattern": {"email": 1},
    "keyValue": {"email": "a"},
}
BY_COLLATION = {
    "code": 11000,
    "errmsg": 'E11000 duplicate key error collection: t.u index: ci_1 collation: { locale: "en" } dup key: { ci: "0x29" }',
    "keyValue": {"ci": "29"},
    "hexEncoded": [True],
}
REFUSED = "The collection's validator refuses it: "


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (validation(PROPERTIES), REFUSED + 'total: wanted {bsonType: "int"}, found string'),
        (validation(REQUIRED), REFUSED + "shop is missing"),
        (validation(UNKNOWN), REFUSED + "zzz is not allowed"),
        (validation(NESTED), REFUSED + 'lines.1.price: wanted {bsonType: "int"}, found string'),
        (validation(MINIMUM), REFUSED + "total: wanted {minimum: 3}, found 1"),
        (validation(MINIMUM, REQUIRED), REFUSED + "total: wanted {minimum: 3}, found 1; shop is missing"),
        (EXPRESSION, REFUSED + 'wanted {"$expr": {"$lt": ["$a", "$b"]}}'),
        (
            {"code": 121, "errmsg": "Document failed validation"},
            REFUSED + "Document failed validation",
        ),
        (TAKEN, 'Unique index email_1: {email: "a"} is held by another document'),
        (
            TAKEN
            | {"keyValue": {"customer": ObjectId("6b02411e05e193a4daaad2ca"), "at": dt.datetime(2026, 3, 1)}},
            'Unique index email_1: {customer: ObjectId("6b02411e05e193a4daaad2ca"), at: 2026-03-01 00:00:00 UTC} '
            "is held by another document",
        ),
        (BY_COLLATION, "Unique index ci_1: the value of ci is held by another document"),
        ({"code": 11000, "errmsg": "E11000 duplicate key"}, "E11000 duplicate key"),
        (
            {"code": 15, "errmsg": "Document exceeds maximum nesting depth of 180"},
            "It is nested deeper than the server accepts: Document exceeds maximum nesting depth of 180",
        ),
        (
            {"code": 10334, "errmsg": "BSONObj size: 16800000 is invalid"},
            "It is larger than the server accepts: BSONObj size: 16800000 is invalid",
        ),
        (
            {"code": 171, "errmsg": "cannot index parallel arrays [b] [a]"},
            "An index of the collection cannot hold it: cannot index parallel arrays [b] [a]",
        ),
        (
            {"code": 52, "errmsg": "_id fields may not contain '$'-prefixed fields"},
            "The server refuses a field: _id fields may not contain '$'-prefixed fields",
        ),
        ({"code": 4711, "errmsg": "something new"}, "something new"),
        ({}, "the server gave no reason"),
    ],
)
def test_the_reason(error: dict[str, Any], reason: str) -> None:
    assert reason_of(error) == reason


def test_what_is_long_is_cut() -> None:
    many = validation(*[{**REQUIRED, "missingProperties": [f"field{n}" for n in range(9)]}])
    assert reason_of(many).endswith("field4 is missing; and 4 more")
    long = {**TAKEN, "keyValue": {"email": "x" * 5_000}}
    assert len(reason_of(long)) < 300
    assert len(reason_of({"code": 1, "errmsg": "x" * 5_000})) == LENGTH
