"""Change events as bytes. Nearly all are plain ones of application documents: those are parsed at the fixed offsets of
the projection; any other layout is decoded in full.

A document is known by `documentKey._id`. Of a sharded collection `documentKey` has the fields of the shard key too."""

from __future__ import annotations

import datetime as dt
import re
import struct
from typing import NamedTuple

from bson import DatetimeMS
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from syncapp.core.content import id_in, wrap
from syncapp.core.values import Operation
from syncapp.store.names import BATCHES

OPERATIONS = {operation.value: operation for operation in Operation}
_OPERATIONS = {name.encode(): operation for name, operation in OPERATIONS.items()}
# The layout of a projected event. Another order of fields is read too, more slowly
_PLAIN = re.compile(
    rb".{4}"
    rb"(\x12txnNumber\0.{8}\x03lsid\0.{4}\x05id\0.{4}\x04.{16}\0)?"
    rb"\x03_id\0.{4}\x02_data\0.{4}[0-9A-F]+\0\0"
    rb"\x02operationType\0.{4}(insert|update|replace|delete)\0"
    rb"\x11clusterTime\0(.{8})"
    rb"(?:\x09wallTime\0(.{8}))?"
    rb"\x03documentKey\0"
    # Nothing but an `_id` of one of the usual kinds: what follows it ends the document
    rb"(.{4}(?:\x07_id\0.{12}|\x10_id\0.{4}|\x12_id\0.{8})\0)?",
    re.DOTALL,
)
_TRANSACTION = re.compile(rb".{4}(\x12txnNumber\0.{8}\x03lsid\0.{4}\x05id\0.{4}\x04.{16}\0)", re.DOTALL)
TRANSACTION_AT = 4  # its offset: behind the event's length
_LENGTH = struct.Struct("<i")
_TIMES = struct.Struct("<Q")
# In every event of `_sync_batches`, and sometimes in one that only contains such bytes
OF_BATCHES = b"\x02c\0" + _LENGTH.pack(len(BATCHES) + 1) + BATCHES.encode() + b"\0"


# Of events that are not plain
READABLE: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    unicode_decode_error_handler="backslashreplace",
)


class RawEvent(NamedTuple):
    """The content of a document's change event. `wall`: milliseconds since 1970, None before MongoDB 6. `transaction`:
    see `transaction_of`."""

    operation: Operation
    collection: str
    id_bson: bytes
    position: int
    wall: int | None
    transaction: bytes | None


def cut(event: bytes) -> RawEvent | None:
    """A plain event; None: it has to be decoded. Raises KeyError if its `documentKey` has no `_id`."""
    found = _PLAIN.match(event)
    if found is None:
        return None
    transaction, operation, position, wall, id_bson = found.groups()
    end = found.end()
    if id_bson is None:
        start, end = end, end + _LENGTH.unpack_from(event, end)[0]
        id_bson = id_in(event[start:end])
    # Nothing but the collection's name may follow
    if event[end : end + 3] != b"\x02c\0" or _LENGTH.unpack_from(event, end + 3)[0] != len(event) - end - 8:
        return None
    return RawEvent(
        _OPERATIONS[operation],
        event[end + 7 : -2].decode("utf-8", "backslashreplace"),  # the server accepts non-UTF-8 names
        id_bson,
        _TIMES.unpack(position)[0],  # the increment comes first, in its lower half
        None if wall is None else _TIMES.unpack(wall)[0],
        transaction,
    )


def decode(event: RawBSONDocument) -> RawEvent:
    """The same of an event of any layout that names a document. Raises KeyError if it names none."""
    time, wall = event["clusterTime"], event.get("wallTime")
    return RawEvent(
        OPERATIONS[event["operationType"]],
        event["c"],
        id_in(event["documentKey"].raw),
        time.time << 32 | time.inc,
        None if wall is None else milliseconds(wall),
        transaction_of(bytes(event.raw)),
    )


def milliseconds(wall: dt.datetime | DatetimeMS) -> int:
    return int(wall if isinstance(wall, DatetimeMS) else DatetimeMS(wall))


def transaction_of(event: bytes) -> bytes | None:
    """The common prefix of one transaction's events; None: no transaction."""
    if found := _TRANSACTION.match(event):
        return found[1]
    if b"\x12txnNumber\0" not in event:
        return None
    decoded = RawBSONDocument(event, READABLE)
    number = decoded.get("txnNumber")
    if number is None:
        return None
    session = wrap(b"\x05id\0\x10\0\0\0\x04" + bytes(decoded["lsid"]["id"]))
    return b"\x12txnNumber\0" + _TIMES.pack(number) + b"\x03lsid\0" + session
