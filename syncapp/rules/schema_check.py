"""Checks a schema for use as a validation rule. An unsupported keyword is refused when the rule is saved: a
rule that is only partly understood would accept anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from syncapp.rules.bson_types import BSON_TYPES, JSON_TYPES, is_number

_VALUES = json_util.JSONOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_ONLY_TEXT = frozenset({"title", "description"})
_HALF = re.compile("[\ud800-\udfff]")  # of a character
_DEEPEST = 50  # schemas within each other


class WrongSchema(Exception):
    """The schema cannot be used. The text says where, and what is allowed."""


def read_schema(given: object) -> dict[str, Any]:
    """The schema with BSON values for extended JSON ({"$numberLong": "5"}). Raises WrongSchema."""
    schema = unwrapped(given)
    try:
        read = json_util.loads(json.dumps(schema), json_options=_VALUES)
    except (ValueError, TypeError, RecursionError, BSONError) as error:
        raise WrongSchema(f"the schema is not valid extended JSON: {error}") from None
    _check(read, "", 0)
    return dict(read)


def new_rule(given: object) -> dict[str, Any]:
    """The schema in its stored form. Raises WrongSchema, also for one that would accept everything, since that is
    certainly a mistake."""
    read_schema(given)
    schema = cast(dict[str, Any], unwrapped(given))
    if not set(schema) - _ONLY_TEXT:
        raise WrongSchema(
            f'schema is {_shown(schema)}; allowed: one with a keyword, as {{"required": ["total"]}}'
        )
    text = json.dumps(schema, ensure_ascii=False).replace(r"\\", "")
    if r"\u0000" in text or _HALF.search(text):
        raise WrongSchema("the schema holds a text with \\u0000 or half a character, which cannot be kept")
    return schema


def unwrapped(given: object) -> object:
    """A schema may be wrapped as in validators, in {"$jsonSchema": …}."""
    return given["$jsonSchema"] if isinstance(given, dict) and list(given) == ["$jsonSchema"] else given


def _check(schema: object, path: str, depth: int) -> None:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        wanted = 'an object such as {"bsonType": "object", "required": ["total"]}'
        raise WrongSchema(f"{path or 'schema'} is {_shown(schema)}; allowed: {wanted}")
    for keyword, value in schema.items():
        where = f"{path}.{keyword}" if path else str(keyword)
        if keyword not in KEYWORDS:
            raise WrongSchema(f"{where} is not supported; supported keywords: {', '.join(KEYWORDS)}")
        fits, allowed = KEYWORDS[keyword]
        if not fits(value):
            raise WrongSchema(f"{where} is {_shown(value)}; allowed: {allowed}")
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema and bound not in schema:
            raise WrongSchema(f"{path + '.' if path else ''}{exclusive} needs {bound} beside it")
    for name, part in _parts(schema):
        _check(part, f"{path}.{name}" if path else name, depth + 1)


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The subschemas of a schema."""
    for keyword in ("properties", "patternProperties"):
        for name, part in schema.get(keyword, {}).items():
            yield f"{keyword}.{name}", part
    for keyword in ("items", "allOf", "anyOf", "oneOf"):
        several = schema.get(keyword)
        if isinstance(several, list):
            for number, part in enumerate(several):
                yield f"{keyword}.{number}", part
    for keyword in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(keyword), dict):
            yield keyword, schema[keyword]


def _names_of(known: dict[str, Any]) -> tuple[Callable[[Any], bool], str]:
    def fits(value: Any) -> bool:
        names = value if isinstance(value, list) else [value]
        return bool(names) and all(isinstance(name, str) and name in known for name in names)

    return fits, "one or a list of " + ", ".join(known)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_regex(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError, RecursionError, OverflowError):
        return False
    return isinstance(value, str)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


_TEXT = (lambda value: isinstance(value, str), "a text")
_YES_OR_NO = (lambda value: isinstance(value, bool), "true or false")
_NUMBER = (is_number, "a number")
_COUNT = (_is_count, "a whole number from 0")
_SCHEMA = (lambda value: isinstance(value, dict), "a schema")
_SCHEMAS = (lambda value: isinstance(value, list) and bool(value), "a list of schemas")
KEYWORDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bsonType": _names_of(BSON_TYPES),
    "type": _names_of(JSON_TYPES),
    "required": (_are_names, "a list of names"),
    "properties": (lambda value: isinstance(value, dict), "an object of schemas"),
    "patternProperties": (
        lambda value: isinstance(value, dict) and all(map(_is_regex, value)),
        "an object of schemas, whose names are regular expressions",
    ),
    "additionalProperties": (lambda value: isinstance(value, bool | dict), "true, false or a schema"),
    "items": (lambda value: isinstance(value, dict | list), "a schema or a list of schemas"),
    "enum": (lambda value: isinstance(value, list) and bool(value), "a list of values"),
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _YES_OR_NO,
    "exclusiveMaximum": _YES_OR_NO,
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "pattern": (_is_regex, "a regular expression"),
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "uniqueItems": _YES_OR_NO,
    "minProperties": _COUNT,
    "maxProperties": _COUNT,
    "allOf": _SCHEMAS,
    "anyOf": _SCHEMAS,
    "oneOf": _SCHEMAS,
    "not": _SCHEMA,
    "title": _TEXT,
    "description": _TEXT,
}


def _shown(value: object) -> str:
    text = json_util.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:100] + "…"
