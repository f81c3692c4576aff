"""Raw BSON: content hashes, `_id`s cut out of documents, and the canonical form of an `_id`.

The server takes 1, 1.0 and Int64(1) for one `_id`, and True for another; a Python dict does not. So
documents and `_id`s stay bytes, and identity is decided here. BSON: https://bsonspec.org/spec.html
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import blake2b
from typing import Any

import bson
from bson import Decimal128
from bson.codec_options import CodecOptions, DatetimeConversion

from syncapp.core.values import ABSENT, DocumentKey

_INT32 = struct.Struct("<i")
_INT64 = struct.Struct("<q")
_DOUBLE = struct.Struct("<d")
_FIXED_SIZES = {
    0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0,
    0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0,
}  # fmt: skip
_STRING, _DOCUMENT, _ARRAY, _BINARY, _REGEX, _DBPOINTER, _CODE, _SYMBOL, _SCOPED = (
    0x02, 0x03, 0x04, 0x05, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
)  # fmt: skip
_OBJECT_ID, _TIMESTAMP = 0x07, 0x11
_ID_START = 9  # length (4), type (1), "_id\0" (4)
_EXACT: CodecOptions[dict[str, object]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS, unicode_decode_error_handler="replace"
)


HASH_BYTES = 16


def content_hash(document: bytes | None) -> bytes:
    """128 bit over the raw BSON: the order of fields and the types of numbers count."""
    return ABSENT if document is None else blake2b(document, digest_size=HASH_BYTES).digest()


def key_hash(key: DocumentKey) -> bytes:
    """128 bit that stand for a key: the `_id` of its state."""
    if not key.digest:
        secret = _collection_key(key.collection)
        key.digest = blake2b(key.identity, digest_size=HASH_BYTES, key=secret).digest()
    return key.digest


@cache
def _collection_key(collection: str) -> bytes:
    return blake2b(collection.encode(), digest_size=32).digest()


def document_key(collection: str, id_bson: bytes) -> DocumentKey:
    """The key of a document whose `_id` is given as BSON of {_id: …}."""
    return DocumentKey(collection, canonical(id_bson[4], id_bson[_ID_START:-1]), id_bson)


def id_of(document: bytes) -> bytes:
    """BSON of {_id: …}, cut out of a stored document, whose first field is always `_id`."""
    if document[5:_ID_START] != b"_id\0":
        raise ValueError("the first field of a stored document is not _id")
    end = _ID_START + _value_size(document[4], document, _ID_START)
    return _INT32.pack(end + 1) + document[4:end] + b"\0"


def id_in(document: bytes) -> bytes:
    """BSON of {_id: …}, cut out of a document in which `_id` may stand anywhere. Raises KeyError if there is none."""
    if document[5:_ID_START] == b"_id\0":
        alone = _ID_START + _value_size(document[4], document, _ID_START) == len(document) - 1
        return document if alone else id_of(document)
    for kind, name, value in elements(document):
        if name == b"_id":
            return wrap(bytes([kind]) + b"_id\0" + value)
    raise KeyError("_id")


def element(id_bson: bytes, name: bytes) -> bytes:
    """The `_id` as a BSON element with another field name."""
    return id_bson[4:5] + name + b"\0" + id_bson[_ID_START:-1]


def ids_filter(ids: list[bytes]) -> bytes:
    """BSON of {_id: {$in: […]}}; the values keep their types and bytes."""
    return wrap(b"\x03_id\0" + wrap(b"\x04$in\0" + array(ids)))


def array(ids: list[bytes]) -> bytes:
    """A BSON array of `_id`s."""
    return wrap(b"".join(element(one, b"%d" % index) for index, one in enumerate(ids)))


def wrap(elements: bytes) -> bytes:
    """A BSON document or array of elements that stand one after the other."""
    return _INT32.pack(len(elements) + 5) + elements + b"\0"


def elements_of(document: Mapping[str, Any]) -> bytes:
    """The BSON elements of a document, one after the other."""
    return bson.encode(document)[4:-1]


def has_empty_timestamp(document: bytes) -> bool:
    """Is there a Timestamp(0, 0) at the top level, which the server would fill in on insert?"""
    if b"\x11" not in document or bytes(8) not in document:
        return False  # by far the most documents
    return any(kind == _TIMESTAMP and value == bytes(8) for kind, _, value in elements(document))


def repeats_a_name(document: bytes) -> bool:
    """Has the document, or one inside it, two fields of one name? BSON allows that."""
    names = set()
    for kind, name, value in elements(document):
        if name in names or (kind in (_DOCUMENT, _ARRAY) and repeats_a_name(value)):
            return True
        names.add(name)
    return False


def split_documents(raw: bytes) -> list[bytes]:
    """BSON documents that stand one after the other."""
    documents, position = [], 0
    while position < len(raw):
        end = position + int.from_bytes(raw[position : position + 4], "little")
        documents.append(raw[position:end])
        position = end
    return documents


def documents_in(array: bytes) -> list[bytes]:
    """The elements of a BSON array of nothing but documents."""
    documents, position, end = [], 4, len(array) - 1
    while position < end:
        start = array.index(0, position + 1) + 1
        position = start + _length(array, start)
        documents.append(array[start:position])
    return documents


def elements(document: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, name and value of each element of a document or an array, undecoded and in their order."""
    position = 4
    while document[position]:
        kind = document[position]
        start = document.index(b"\0", position + 1) + 1
        end = start + _value_size(kind, document, start)
        yield kind, document[position + 1 : start - 1], document[start:end]
        position = end


def _value_size(kind: int, data: bytes, start: int) -> int:
    fixed = _FIXED_SIZES.get(kind)
    if fixed is not None:
        return fixed
    if kind in (_STRING, _CODE, _SYMBOL):
        return 4 + _length(data, start)
    if kind in (_DOCUMENT, _ARRAY, _SCOPED):
        return _length(data, start)
    if kind == _BINARY:
        return 5 + _length(data, start)
    if kind == _DBPOINTER:
        return 16 + _length(data, start)
    if kind == _REGEX:
        pattern_end = data.index(b"\0", start)
        return data.index(b"\0", pattern_end + 1) + 1 - start
    raise ValueError(f"unknown BSON type 0x{kind:02x}")


def _length(data: bytes, start: int) -> int:
    return int(_INT32.unpack_from(data, start)[0])


def canonical(kind: int, value: bytes) -> bytes:
    """Equal for two values if, and only if, the server compares them as equal."""
    if kind == _OBJECT_ID:  # by far the most
        return b"\x07" + value
    if kind in (0x10, 0x12, 0x01, 0x13):
        return b"n" + _canonical_number(kind, value)
    if kind in (_STRING, _SYMBOL):
        return b"s" + value
    if kind in (_DOCUMENT, _ARRAY):
        return bytes([kind]) + _canonical_elements(value)
    return bytes([kind]) + value


def _canonical_elements(document: bytes) -> bytes:
    parts = []
    for kind, name, value in elements(document):
        inner = canonical(kind, value)
        parts += [name, b"\0", _INT32.pack(len(inner)), inner]
    return b"".join(parts)


def _canonical_number(kind: int, value: bytes) -> bytes:
    if kind == 0x10:
        return b"%x" % _INT32.unpack(value)[0]
    if kind == 0x12:
        return b"%x" % _INT64.unpack(value)[0]
    if kind == 0x01:
        number = _DOUBLE.unpack(value)[0]
        if not math.isfinite(number):
            return _not_finite(number)
        numerator, denominator = number.as_integer_ratio()
    else:
        decimal = Decimal128.from_bid(value).to_decimal()
        if not decimal.is_finite():
            return _not_finite(math.nan if decimal.is_nan() else math.inf if decimal > 0 else -math.inf)
        numerator, denominator = decimal.as_integer_ratio()
    # Hexadecimal: Python refuses to write numbers of thousands of decimal digits
    return b"%x" % numerator if denominator == 1 else b"%x/%x" % (numerator, denominator)


def _not_finite(number: float) -> bytes:
    return b"nan" if math.isnan(number) else b"inf" if number > 0 else b"-inf"


def decode_for_people(document: bytes) -> dict[str, object]:
    """A document to show: dates are milliseconds, since some are outside Python's range, and what is not
    UTF-8 in a string (the server stores it) is replaced."""
    return bson.decode(document, codec_options=_EXACT)
