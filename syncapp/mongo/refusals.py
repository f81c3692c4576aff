"""Why a server refuses a document, as one readable sentence: from code, text and details of one entry of
`writeErrors`. Unknown errors are quoted in the server's own words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncapp.core.text.shown_values import decoded_in_line

VALIDATION = 121
DUPLICATE_KEY = 11000
LENGTH = 2_000
VALUE_LENGTH = 200  # of a value of the document within the sentence
_DETAILS = 5  # of a validator with many violations

_SIZE = "It is larger than the server accepts"
_DEPTH = "It is nested deeper than the server accepts"
_FIELD = "The server refuses a field"
_INDEX = "An index of the collection cannot hold it"
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_MEANINGS = {
    2: _FIELD,
    9: _FIELD,
    14: _FIELD,
    15: _DEPTH,
    40: _FIELD,
    52: _FIELD,
    53: _FIELD,
    55: _FIELD,
    56: _FIELD,
    57: _FIELD,
    66: _FIELD,
    171: _INDEX,
    10334: _SIZE,
    16755: _INDEX,
    16766: _INDEX,
    17261: _INDEX,
    17262: _INDEX,
    17280: _INDEX,
    17419: _SIZE,
    17420: _SIZE,
}


def reason_of(error: Mapping[str, Any]) -> str:
    """At most 2,000 characters."""
    code, text = error.get("code"), str(error.get("errmsg", "")) or "the server gave no reason"
    if code == DUPLICATE_KEY:
        reason = _duplicate(error, text)
    elif code == VALIDATION:
        found = list(_failed_rules(error.get("errInfo"), ""))
        more = f"; and {len(found) - _DETAILS} more" if len(found) > _DETAILS else ""
        details = "; ".join(found[:_DETAILS]) + more
        reason = f"The collection's validator refuses it: {details or text}"
    elif code in _MEANINGS:
        reason = f"{_MEANINGS[code]}: {text}"
    else:
        reason = text
    return _cut(reason, LENGTH)


def _duplicate(error: Mapping[str, Any], text: str) -> str:
    value = error.get("keyValue")
    if not isinstance(value, Mapping):
        return text
    # E11000 duplicate key error collection: shop.people index: email_1 dup key: { email: "…" }
    index = text.partition(" index: ")[2].partition(" dup key")[0].partition(" collation")[0].strip()
    # With a collation the server reports the sort key instead of the value
    held = f"the value of {', '.join(value)}" if error.get("hexEncoded") else _shown(value)
    return f"Unique index {index or 'of the collection'}: {held} is held by another document"


def _failed_rules(info: object, path: str) -> Iterator[str]:
    """The leaves of the server's validator details, each with its field."""
    if isinstance(info, list):
        for part in info:
            yield from _failed_rules(part, path)
    if not isinstance(info, Mapping):
        return
    name = info.get("propertyName", info.get("itemIndex"))
    if name is not None:
        path = f"{path}.{name}" if path else str(name)
    if "missingProperties" in info:
        for missing in info["missingProperties"]:
            yield f"{path}.{missing} is missing" if path else f"{missing} is missing"
    elif "additionalProperties" in info and isinstance(info["additionalProperties"], list):
        for unknown in info["additionalProperties"]:
            yield f"{path}.{unknown} is not allowed" if path else f"{unknown} is not allowed"
    elif "reason" in info and "details" not in info:
        yield _leaf(info, path)
    else:
        for part_name, part in info.items():
            if part_name not in ("specifiedAs", "consideredValue"):
                yield from _failed_rules(part, path)


def _leaf(info: Mapping[str, Any], path: str) -> str:
    wanted = f"wanted {_shown(info['specifiedAs'])}" if "specifiedAs" in info else str(info["reason"])
    # For arrays and documents the type is more useful than the text
    found = ""
    if "consideredType" in info:
        found = f", found {info['consideredType']}"
    elif "consideredValue" in info:
        found = f", found {_shown(info['consideredValue'])}"
    return f"{path}: {wanted}{found}" if path else f"{wanted}{found}"


def _shown(value: object) -> str:
    return _cut(decoded_in_line(value), VALUE_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
