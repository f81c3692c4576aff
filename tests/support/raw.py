"""Databases as raw bytes: what "both sides are equal" means."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any

from bson import encode
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
# Dates outside Python's range come back as numbers, instead of as an error
EXACT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
Contents = dict[str, list[bytes]]


def contents(database: Database[Any], without: Collection[str] = ()) -> Contents:
    """Every document of every user collection as stored, in the order of `_id`. Empty collections do not
    count: a drop is not carried."""
    names = [
        name
        for name in database.list_collection_names()
        if not name.startswith(("_sync_", "system.")) and name not in without
    ]
    found = {name: documents(database, name) for name in names}
    return {name: stored for name, stored in found.items() if stored}


def documents(database: Database[Any], collection: str) -> list[bytes]:
    batches = database[collection].find_raw_batches({}, batch_size=1_000).sort("_id", 1)
    return [document for batch in batches for document in _split(batch)]


def raw(document: dict[str, Any]) -> bytes:
    """A document as the server is expected to store it."""
    return encode(document, codec_options=EXACT)


def nan(payload: int) -> RawBSONDocument:
    """{x: NaN} with these bits, which Python's floats do not keep apart."""
    return RawBSONDocument(struct.pack("<iB2sQB", 16, 0x01, b"x\0", 0x7FF8_0000_0000_0000 | payload, 0))


def difference(one: Contents, other: Contents) -> str:
    """A few words about what differs; empty if nothing does."""
    lines = []
    for name in sorted(one.keys() | other.keys()):
        here, there = set(one.get(name, ())), set(other.get(name, ()))
        if one.get(name) != other.get(name):
            only_here, only_there = here - there, there - here
            sample = [document[:120] for document in [*only_here, *only_there][:2]]
            lines.append(
                f"{name}: {len(only_here)} only on the first, {len(only_there)} only on the second: {sample}"
            )
    return "; ".join(lines)


def _split(batch: bytes) -> list[bytes]:
    found, position = [], 0
    while position < len(batch):
        end = position + int.from_bytes(batch[position : position + 4], "little")
        found.append(batch[position:end])
        position = end
    return found
