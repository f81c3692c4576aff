"""An `_id` as short text, for lists and headings."""

from __future__ import annotations

import json

from syncapp.core.text.shown_values import in_line

_WRAPPINGS = ("$oid", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$uuid")


def shorter(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def plain_id(canonical: str) -> str:
    """Of canonical extended JSON: the bare value of the usual types, others as a person reads them, cut to what a list can show."""
    try:
        value = json.loads(canonical)
    except ValueError:
        return shorter(canonical)
    while isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _WRAPPINGS:
        (value,) = value.values()
    return shorter(value if isinstance(value, str) else in_line(value))
