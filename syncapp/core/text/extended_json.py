"""Documents and `_id`s as canonical extended JSON, for display, including values that Python cannot hold."""

from __future__ import annotations

from base64 import b64encode

import bson
from bson import json_util
from bson.json_util import DatetimeConversion

from syncapp.core.content import decode_for_people, document_key

# Bytes of an `_id` that is kept as a sample, and characters of its text. Longer ones are not: with a handful of them (an
# `_id` may have 16 MB) the document that they are kept in would be too large to be written, and no address could hold them
LONGEST_SAMPLE, LONGEST_TEXT = 5_000, 8_000
_EXACT = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS
)


class NoId(ValueError):
    """The text is no `_id` in extended JSON."""


def extended_json(document: bytes | None) -> str:
    """Empty for an absent document."""
    if document is None:
        return ""
    return json_util.dumps(decode_for_people(document), json_options=json_util.CANONICAL_JSON_OPTIONS)


def extended_id(id_bson: bytes) -> str:
    """The value in BSON of {_id: …}."""
    value = decode_for_people(id_bson)["_id"]
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def relaxed_id(canonical: str) -> str:
    """Its value in relaxed extended JSON: usual numbers are bare. As it is, where it is no extended JSON."""
    try:
        value = json_util.loads(canonical, json_options=_EXACT)
        return json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)
    except Exception:  # any error of a value that only looks like extended JSON
        return canonical


def id_from(text: str) -> bytes:
    """BSON of {_id: …} from its value in extended JSON. Raises NoId."""
    try:
        return bson.encode({"_id": json_util.loads(text, json_options=_EXACT)})
    except Exception as error:  # any error of a value that only looks like extended JSON
        raise NoId(f"{text[:100]!r} is not an _id in extended JSON") from error


def beyond(text: str, id_bson: bytes) -> str:
    """Where the text of an `_id` does not lead back to it (a string that is not UTF-8, a field twice): BSON of {_id: …} in
    base64. Else empty."""
    try:
        exact = document_key("", id_from(text)).identity == document_key("", id_bson).identity
    except NoId:
        exact = False
    return "" if exact else b64encode(id_bson).decode()


def sample_id(id_bson: bytes) -> str:
    """The same for a sample; empty: it is too long, or cannot be shown."""
    if len(id_bson) > LONGEST_SAMPLE:
        return ""
    try:
        text = extended_id(id_bson)
    except Exception:  # any: a sample must not cause a failure
        return ""
    return text if len(text) <= LONGEST_TEXT else ""
