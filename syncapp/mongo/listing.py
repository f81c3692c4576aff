"""Lists the collections of a database, with any names and options: the driver's own listing fails for the
whole database if one name, or a value in one validator, is not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database

from syncapp.core.content import elements
from syncapp.mongo.read_commands import portions
from syncapp.mongo.transaction import session_of

_READABLE: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="backslashreplace"
)
NOT_UTF_8 = "not UTF-8"  # the type of a collection with such a name: the shown name cannot be used in queries


def list_collections(database: Database[Any], name: str = "") -> Iterator[Mapping[str, Any]]:
    """The result of listCollections; `name`: for this one only. Raises PyMongoError."""
    command: dict[str, Any] = {"listCollections": 1, "cursor": {}}
    if name:
        command["filter"] = {"name": name}
    with session_of(database) as session, closing(portions(database, command, session)) as replies:
        for found in replies:
            yield from map(_readable, found)


def list_options(database: Database[Any]) -> Iterator[tuple[str, str, bytes]]:
    """Name, type (as `list_collections` says it) and options, as BSON, of each. Raises PyMongoError."""
    command: dict[str, Any] = {"listCollections": 1, "cursor": {}}
    with session_of(database) as session, closing(portions(database, command, session)) as replies:
        for found in replies:
            for one in found:
                info = _readable(one)
                options = next(value for _, name, value in elements(one) if name == b"options")
                if info["type"] != NOT_UTF_8:
                    yield info["name"], info["type"], options


def _readable(found: bytes) -> Mapping[str, Any]:
    info = bson.decode(found, codec_options=_READABLE)
    stored = next(value for _, name, value in elements(found) if name == b"name")
    if info["name"].encode() != stored[4:-1]:
        info["type"] = NOT_UTF_8
    return info
