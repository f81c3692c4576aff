"""Readable values of canonical extended JSON: `2`, `ObjectId("…")`, `2026-03-01 12:00:05 UTC`.

Every value has a text, even if Python cannot hold it (a date in the year 46334). Types that look alike (1 and
1.0) are distinguished by `typed`. Extended JSON: https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from bson import json_util

from syncapp.core.text.one_line import one_line

LINE = 48  # values up to this length are on one line
_NUMBERS = {
    "$numberInt": "int",
    "$numberLong": "long",
    "$numberDouble": "double",
    "$numberDecimal": "decimal",
}
_UUID_SUBTYPES = ("03", "04")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def shown(value: object, indent: str = "") -> str:
    """A value of canonical extended JSON; documents and arrays over several lines where one is too short."""
    special = _special(value)
    if special is not None:
        return special
    if not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False)
    flat = in_line(value)
    if len(flat) + len(indent) <= LINE and "\n" not in flat:
        return flat
    inner = indent + "  "
    if isinstance(value, list):
        rows = [inner + shown(item, inner) for item in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    rows = [f"{inner}{_name(name)}: {shown(item, inner)}" for name, item in value.items()]
    return "{\n" + ",\n".join(rows) + f"\n{indent}}}"


def in_line(value: object) -> str:
    """The same in a sentence: documents and arrays are not spread over several lines."""
    special = _special(value)
    if special is not None:
        return special
    if isinstance(value, list):
        return "[" + ", ".join(map(in_line, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_name(name)}: {in_line(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def decoded_in_line(value: object) -> str:
    """The same of a value that was decoded from BSON; any other that JSON does not know, as Python writes it."""
    try:
        text = json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
    except (ValueError, TypeError, OverflowError):
        return one_line(str(value))
    return one_line(in_line(json.loads(text)))


def shown_id(canonical: str) -> str:
    """An `_id`, or what a caller took for one, in full."""
    return _of_text(canonical, shown)


def id_in_line(canonical: str) -> str:
    """The same in a sentence."""
    return one_line(_of_text(canonical, in_line))


def typed(value: object) -> str:
    """The text with the type of a number, to tell 1 from 1.0."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _NUMBERS:
        return f"{shown(value)} ({_NUMBERS[next(iter(value))]})"
    return json.dumps(value, ensure_ascii=False)


def is_document(value: object) -> bool:
    """Not what extended JSON wraps into one."""
    return isinstance(value, dict) and _special(value) is None


def _of_text(canonical: str, show: Callable[[object], str]) -> str:
    try:
        return show(json.loads(canonical))
    except (ValueError, RecursionError):
        return canonical


def _name(name: str) -> str:
    return name if name.replace("_", "a").isalnum() else json.dumps(name, ensure_ascii=False)


def _special(value: object) -> str | None:
    """The text of a value that extended JSON wraps into a document; None: it is no such value."""
    if not isinstance(value, dict) or not value or len(value) > 2:
        return None
    show = _WRAPPED.get(tuple(value))
    try:
        return show(value) if show else None
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return None  # a user document that only looks like one


def _date(value: Mapping[str, Any]) -> str:
    inner = value["$date"]
    milliseconds = int(inner["$numberLong"]) if isinstance(inner, dict) else None
    if milliseconds is None:
        return str(inner)
    try:
        moment = _EPOCH + dt.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds} ms since 1970"
    fraction = f".{milliseconds % 1000:03}" if milliseconds % 1000 else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} UTC"


def _binary(value: Mapping[str, Any]) -> str:
    inner = value["$binary"]
    data, subtype = base64.b64decode(inner["base64"], validate=True), str(inner["subType"])
    if subtype in _UUID_SUBTYPES and len(data) == 16:
        return f'UUID("{uuid.UUID(bytes=data)}")'
    return f"{len(data):,} bytes, {inner['base64'][:32]}{'…' if len(inner['base64']) > 32 else ''}"


def _timestamp(value: Mapping[str, Any]) -> str:
    return f"Timestamp({value['$timestamp']['t']}, {value['$timestamp']['i']})"


def _expression(value: Mapping[str, Any]) -> str:
    return f"/{value['$regularExpression']['pattern']}/{value['$regularExpression']['options']}"


def _bare(name: str) -> Callable[[Mapping[str, Any]], str]:
    def show(value: Mapping[str, Any]) -> str:
        if not isinstance(value[name], str):
            raise TypeError(name)
        return str(value[name])

    return show


_WRAPPED: Mapping[tuple[str, ...], Callable[[Mapping[str, Any]], str]] = {
    **{(name,): _bare(name) for name in _NUMBERS},
    ("$oid",): lambda value: f'ObjectId("{_bare("$oid")(value)}")',
    ("$uuid",): lambda value: f'UUID("{_bare("$uuid")(value)}")',
    ("$date",): _date,
    ("$binary",): _binary,
    ("$timestamp",): _timestamp,
    ("$regularExpression",): _expression,
    ("$symbol",): lambda value: json.dumps(_bare("$symbol")(value), ensure_ascii=False),
    ("$code",): _bare("$code"),
    ("$minKey",): lambda value: "MinKey",
    ("$maxKey",): lambda value: "MaxKey",
    ("$undefined",): lambda value: "undefined",
}
