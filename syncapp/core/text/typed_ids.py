"""An `_id` as a person types it: as mongosh shows it, in extended JSON, or bare."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import bson
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from bson.binary import UuidRepresentation

from syncapp.core.content import document_key
from syncapp.core.text.extended_json import NoId, id_from, relaxed_id
from syncapp.core.text.one_line import one_line
from syncapp.core.text.shown_values import id_in_line

_CALL = re.compile(r"\A(?:new\s+)?(\w+)\s*\((.*)\)\Z", re.DOTALL)
_QUOTED = re.compile(r"""\A(['"])(.*)\1\Z""", re.DOTALL)
_OBJECT_ID = re.compile(r"\A[0-9a-fA-F]{24}\Z")
_BARE = re.compile(r"""\A[^\s"'{}\[\]()]+\Z""")


def typed_id(text: str) -> bytes:
    """BSON of {_id: …}. Raises NoId.

    `ObjectId('…')`, `ISODate('…')`, `NumberLong(7)`, `UUID('…')` and their like; extended JSON (`7`, `"A-1"`,
    `{"$oid": "…"}`); else 24 hexadecimal digits are an ObjectId, and another single word is a string.
    """
    text = text.strip()
    if call := _CALL.match(text):
        return _called(text, *call.groups())
    if text[:1] == "'" and (quoted := _QUOTED.match(text)):
        return bson.encode({"_id": quoted[2]})
    try:
        return id_from(text)
    except NoId:
        if _OBJECT_ID.match(text):
            return bson.encode({"_id": ObjectId(text)})
        if _BARE.match(text):
            return bson.encode({"_id": text})
        raise


def id_to_type(canonical: str) -> str:
    """An `_id` in canonical extended JSON for texts that one copies it from: as a person reads it, or in relaxed extended
    JSON, where `typed_id` reads that back; else as it is."""
    for text in (id_in_line(canonical), one_line(relaxed_id(canonical))):
        with suppress(NoId):
            if document_key("", typed_id(text)).identity == document_key("", id_from(canonical)).identity:
                return text
    return one_line(canonical)


def _called(text: str, name: str, arguments: str) -> bytes:
    make = _TYPES.get(name)
    try:
        if make is None:
            raise ValueError
        return bson.encode({"_id": make(*(_bare(one) for one in arguments.split(",") if one.strip()))})
    except Exception as error:  # whatever a type says of a value that it does not take
        raise NoId(f"{text[:100]!r} is not an _id as mongosh shows one") from error


def _bare(argument: str) -> str:
    quoted = _QUOTED.match(argument.strip())
    return quoted[2] if quoted else argument.strip()


def _date(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _uuid(text: str) -> Binary:
    return Binary.from_uuid(UUID(text), UuidRepresentation.STANDARD)


_TYPES: dict[str, Callable[..., object]] = {
    "ObjectId": ObjectId,
    **dict.fromkeys(("ISODate", "Date"), _date),
    **dict.fromkeys(("NumberLong", "Long"), lambda text: Int64(int(text))),
    **dict.fromkeys(("NumberInt", "Int32"), int),
    "Double": float,
    **dict.fromkeys(("NumberDecimal", "Decimal128"), Decimal128),
    "UUID": _uuid,
    "Timestamp": lambda seconds, increment: Timestamp(int(seconds), int(increment)),
    "MinKey": MinKey,
    "MaxKey": MaxKey,
}
