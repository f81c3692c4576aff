"""Both versions of a document side by side, field by field, as text that a person can read."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bson import json_util
from bson.errors import BSONError
from bson.json_util import JSONOptions

_LINE = 48
_EXACT = json_util.CANONICAL_JSON_OPTIONS
_READABLE: JSONOptions = json_util.RELAXED_JSON_OPTIONS


@dataclass(frozen=True)
class FieldPair:
    """A top-level field on both sides. None: the field (or the document) is absent there."""

    name: str
    local: str | None
    atlas: str | None

    @property
    def differs(self) -> bool:
        return self.local != self.atlas


def compare(local: str, atlas: str) -> list[FieldPair]:
    """Fields of two documents in canonical extended JSON, in the order of the local one, then the others.

    Texts are relaxed extended JSON; where only the types differ (1 and 1.0), they are canonical, so that
    the difference is seen. Empty text means: the document was absent.
    """
    sides = [json.loads(text) if text else {} for text in (local, atlas)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [_pair(name, *sides) for name in names]


def _pair(name: str, local: dict, atlas: dict) -> FieldPair:
    values = [side.get(name) for side in (local, atlas)]
    present = [name in side for side in (local, atlas)]
    texts = [readable(value) if there else None for value, there in zip(values, present, strict=True)]
    if all(present) and texts[0] == texts[1] and json.dumps(values[0]) != json.dumps(values[1]):
        texts = [_laid_out(value) for value in values]
    return FieldPair(name, texts[0], texts[1])


def readable(canonical: object) -> str:
    """A value of canonical extended JSON in the relaxed form: plain numbers and dates."""
    try:
        value = json_util.loads(json.dumps(canonical), json_options=_EXACT)
        return _laid_out(json.loads(json_util.dumps(value, json_options=_READABLE)))
    except (ValueError, TypeError, OverflowError, BSONError):
        # A value that Python cannot hold (a date in the year 20000) is shown as it is kept
        return _laid_out(canonical)


def _laid_out(value: object, indent: str = "") -> str:
    """JSON in which what fits on one line stands on one line: `{"$numberDecimal": "11.50"}`."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + len(indent) <= _LINE or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, list):
        rows = [inner + _laid_out(item, inner) for item in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    rows = [
        f"{inner}{json.dumps(name, ensure_ascii=False)}: {_laid_out(item, inner)}"
        for name, item in value.items()
    ]
    return "{\n" + ",\n".join(rows) + f"\n{indent}}}"


def parsed(canonical: str) -> object | None:
    """A document as JSON values for the API, in canonical extended JSON. None: absent."""
    return json.loads(canonical) if canonical else None
