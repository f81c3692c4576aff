"""The names that $jsonSchema gives to BSON types, for values as PyMongo reads them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from bson import Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

BSON_TYPES: dict[str, Callable[[Any], bool]] = {
    "double": lambda value: isinstance(value, float),
    "string": lambda value: isinstance(value, str) and not isinstance(value, Code),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "binData": lambda value: isinstance(value, bytes),
    "objectId": lambda value: isinstance(value, ObjectId),
    "bool": lambda value: isinstance(value, bool),
    "date": lambda value: isinstance(value, DatetimeMS | dt.datetime),
    "null": lambda value: value is None,
    "regex": lambda value: isinstance(value, Regex | re.Pattern),
    "javascript": lambda value: isinstance(value, Code) and value.scope is None,
    "javascriptWithScope": lambda value: isinstance(value, Code) and value.scope is not None,
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool | Int64),
    "timestamp": lambda value: isinstance(value, Timestamp),
    "long": lambda value: isinstance(value, Int64),
    "decimal": lambda value: isinstance(value, Decimal128),
    "minKey": lambda value: isinstance(value, MinKey),
    "maxKey": lambda value: isinstance(value, MaxKey),
    "number": lambda value: is_number(value),
}
# The keyword `type` knows JSON's names
JSON_TYPES = {
    "boolean": BSON_TYPES["bool"],
    **{name: BSON_TYPES[name] for name in ("object", "array", "number", "string", "null")},
}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal128) and not isinstance(value, bool)


def type_name(value: Any) -> str:
    """The BSON type of a value."""
    return next((name for name, holds in BSON_TYPES.items() if holds(value)), type(value).__name__)
