"""Documents and `_id`s as canonical extended JSON, for people: what Python cannot hold is shown as well as it can be."""

from __future__ import annotations

from bson import json_util

from syncapp.core.content import decode_for_people

# Characters of an `_id` that is kept as a sample. Longer ones are not: with a handful of them (an `_id` may have 16 MB)
# the document that they are kept in would be too large to be written
LONGEST_SAMPLE = 8_000


def extended_json(document: bytes | None) -> str:
    """Empty for an absent document."""
    if document is None:
        return ""
    return json_util.dumps(decode_for_people(document), json_options=json_util.CANONICAL_JSON_OPTIONS)


def extended_id(id_bson: bytes) -> str:
    """The value in BSON of {_id: …}."""
    value = decode_for_people(id_bson)["_id"]
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def sample_id(id_bson: bytes) -> str:
    """The same for a sample; empty: it is too long, or Python cannot show it."""
    if len(id_bson) > LONGEST_SAMPLE:
        return ""
    try:
        text = extended_id(id_bson)
    except Exception:  # any: a sample is worth no failure
        return ""
    return text if len(text) <= LONGEST_SAMPLE else ""
