"""How a collection is defined on one side: its options and indexes, decoded for comparing, and as BSON for copying.

What a server version adds by itself, and what only says the default, is left out of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.content import elements, wrap
from syncapp.mongo.read_commands import RAW, portion_of

LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="backslashreplace"
)
_NO_INDEXES = (26, 166)  # no such collection, or a view
# A server's own: versions of formats, and how it stores things
_OWN = frozenset(
    b"v ns background textIndexVersion 2dsphereIndexVersion storageEngine indexOptionDefaults autoIndexId uuid".split()
)
_OF_COLLATION = frozenset((b"version",))
_OF_TIME_SERIES = frozenset((b"bucketMaxSpanSeconds", b"bucketRoundingSeconds"))
_INSIDE = {
    b"collation": _OF_COLLATION,
    b"timeseries": _OF_TIME_SERIES,
    b"clusteredIndex": frozenset((b"v", b"name")),
}
_DEFAULTS: Mapping[str, Callable[[Any], bool]] = {
    "unique": lambda value: not value,
    "sparse": lambda value: not value,
    "hidden": lambda value: not value,
    "capped": lambda value: not value,
    "validator": lambda value: not value,
    "collation": lambda value: value.get("locale") == "simple",
    "changeStreamPreAndPostImages": lambda value: not value.get("enabled"),
    "validationLevel": lambda value: value == "strict",
    "validationAction": lambda value: value == "error",
}


@dataclass(frozen=True, slots=True)
class Specification:
    """`values`: decoded. `raw`: as BSON."""

    values: Mapping[str, Any]
    raw: bytes

    @classmethod
    def of(cls, document: bytes) -> Specification:
        decoded = bson.decode(document, codec_options=LENIENT)
        kept, values = b"", {}
        for kind, name, value in elements(document):
            if name in _OWN or _is_default(name.decode("utf-8", "backslashreplace"), decoded):
                continue
            if name in _INSIDE and kind == 0x03:
                value = without(value, _INSIDE[name])
            kept += bytes([kind]) + name + b"\0" + value
        raw = wrap(kept)
        values = bson.decode(raw, codec_options=LENIENT)
        return cls(values, raw)


@dataclass(frozen=True, slots=True)
class Definition:
    """`indexes`: by name, without the one on `_id`. `kind`: collection, view or timeseries."""

    kind: str = "collection"
    options: Specification = field(default_factory=lambda: Specification({}, wrap(b"")))
    indexes: Mapping[str, Specification] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Would the server create it like this by itself, with the first document?"""
        return not self.options.values and not self.indexes


def read_definition(database: Database[Any], name: str, kind: str, options: bytes) -> Definition:
    """`options`: as listCollections has them. Raises PyMongoError."""
    return Definition(kind, Specification.of(options), dict(_indexes(database, name)))


def _indexes(database: Database[Any], name: str) -> Iterable[tuple[str, Specification]]:
    try:
        # There are at most 64 indexes: one reply contains them all
        reply = database.command({"listIndexes": name}, codec_options=RAW)
    except OperationFailure as error:
        if error.code in _NO_INDEXES:
            return
        raise
    for document in portion_of(reply).documents:
        found = Specification.of(document)
        if not found.values.get("clustered") and list(found.values["key"]) != ["_id"]:
            yield found.values["name"], found


def without(document: bytes, names: frozenset[bytes]) -> bytes:
    """A document without these fields."""
    kept = (one for one in elements(document) if one[1] not in names)
    return wrap(b"".join(bytes([kind]) + name + b"\0" + value for kind, name, value in kept))


def _is_default(name: str, decoded: Mapping[str, Any]) -> bool:
    return name in _DEFAULTS and _DEFAULTS[name](decoded[name])
