"""A compiled schema: it takes a document as raw BSON and returns its violations.

The semantics are those of a server-side validator: BSON types, and 1 is not 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import islice
from typing import Any

from bson import DBRef, Decimal128
from bson.errors import BSONError
from jsonschema import Draft4Validator, validators
from jsonschema.exceptions import ValidationError

from syncapp.core.content import decode_for_people
from syncapp.core.text.shown_values import decoded_in_line
from syncapp.rules.bson_types import BSON_TYPES, JSON_TYPES, is_number, type_name
from syncapp.rules.schema_check import read_schema

ERRORS = 3  # named in a reason
_SHOWN = 100  # characters of a value

Errors = Iterator[ValidationError]
Schema = Mapping[str, Any]


def compile_schema(schema: object) -> Callable[[bytes], str | None]:
    """A function that returns a document's violations. None: none. Raises WrongSchema."""
    validator = _Validator(read_schema(schema))

    def check(document: bytes) -> str | None:
        try:
            value = _plain_references(decode_for_people(document), document)
        except BSONError as error:
            return f"it cannot be read: {error}"
        return "; ".join(_sentence(error) for error in islice(validator.iter_errors(value), ERRORS)) or None

    return check


def _plain_references(value: Any, document: bytes) -> Any:
    """PyMongo decodes {$ref, $id} as a DBRef; for a rule it is an ordinary document."""
    if b"$ref\0" not in document:
        return value
    if isinstance(value, DBRef):
        value = dict(value.as_doc())
    if isinstance(value, dict):
        return {name: _plain_references(part, document) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain_references(part, document) for part in value]
    return value


def _sentence(error: ValidationError) -> str:
    path = ".".join(str(part) for part in error.absolute_path) or "the document"
    words = _WORDS.get(str(error.validator))
    # The library's own messages contain the value, which may have 16 MB
    return f"{path} {words(error) if words else error.message}"


_WORDS: dict[str, Callable[[ValidationError], str]] = {
    "enum": lambda error: f"is {_shown(error.instance)}; allowed: {_shown(error.validator_value)}",
    "pattern": lambda error: f"does not match {_shown(error.validator_value)}",
    "minLength": lambda error: f"is shorter than {error.validator_value}",
    "maxLength": lambda error: f"is longer than {error.validator_value}",
    "minItems": lambda error: f"has fewer than {error.validator_value} items",
    "maxItems": lambda error: f"has more than {error.validator_value} items",
    "uniqueItems": lambda error: "holds an item twice",
    "minProperties": lambda error: f"has fewer than {error.validator_value} fields",
    "maxProperties": lambda error: f"has more than {error.validator_value} fields",
    "anyOf": lambda error: "fits none of the alternatives of anyOf",
    "oneOf": lambda error: "does not fit exactly one of the alternatives of oneOf",
    "not": lambda error: "is what the rule does not allow",
}


def _shown(value: object) -> str:
    text = decoded_in_line(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


# The keywords in which BSON differs from JSON, and those with too long messages in the library


def _type(
    types: Mapping[str, Callable[[Any], bool]], _: Any, wanted: Any, value: Any, schema: Schema
) -> Errors:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(types[name](value) for name in names):
        yield ValidationError(f"is of type {type_name(value)}; allowed: {', '.join(names)}")


def _minimum(_: Any, bound: Any, value: Any, schema: Schema) -> Errors:
    if is_number(value):
        strict = schema.get("exclusiveMinimum", False)
        number, limit = _comparable(value), _comparable(bound)
        if not (number > limit if strict else number >= limit):
            yield ValidationError(f"is {value}; allowed: {'more than' if strict else 'at least'} {bound}")


def _maximum(_: Any, bound: Any, value: Any, schema: Schema) -> Errors:
    if is_number(value):
        strict = schema.get("exclusiveMaximum", False)
        number, limit = _comparable(value), _comparable(bound)
        if not (number < limit if strict else number <= limit):
            yield ValidationError(f"is {value}; allowed: {'less than' if strict else 'at most'} {bound}")


def _comparable(number: Any) -> Any:
    """Python compares whole numbers, floats and fractions exactly, and decimals with none of them."""
    if not isinstance(number, Decimal128):
        return number
    decimal = number.to_decimal()
    return Fraction(decimal) if decimal.is_finite() else float("nan") if decimal.is_nan() else float(decimal)


def _required(_: Any, names: list[str], value: Any, schema: Schema) -> Errors:
    if isinstance(value, dict):
        for name in names:
            if name not in value:
                yield ValidationError("is missing", path=[name])


def _additional(validator: Any, allowed: Any, value: Any, schema: Schema) -> Errors:
    if not isinstance(value, dict) or allowed is True:
        return
    for name, part in value.items():
        if name in schema.get("properties", {}):
            continue
        if any(re.search(pattern, name) for pattern in schema.get("patternProperties", {})):
            continue
        if allowed is False:
            yield ValidationError("is not allowed", path=[name])
        else:
            yield from validator.descend(part, allowed, path=name)


_Validator = validators.extend(
    Draft4Validator,
    validators={
        "bsonType": partial(_type, BSON_TYPES),
        "type": partial(_type, JSON_TYPES),
        "minimum": _minimum,
        "maximum": _maximum,
        "required": _required,
        "additionalProperties": _additional,
    },
    type_checker=Draft4Validator.TYPE_CHECKER.redefine(
        "string", lambda _, value: BSON_TYPES["string"](value)
    ),
)
