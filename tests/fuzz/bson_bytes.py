"""BSON put together from bytes: also what no driver would encode, such as text that is not UTF-8."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import bson

Element = tuple[int, bytes]  # type byte and value
Field = tuple[bytes, Element]


def of(value: Any) -> Element:
    """What the driver makes of a Python value."""
    raw = bson.encode({"": value})
    return raw[4], raw[6:-1]


def text(raw: bytes) -> Element:
    return 0x02, _string(raw)


def symbol(raw: bytes) -> Element:
    return 0x0E, _string(raw)


def double(bits: int) -> Element:
    return 0x01, struct.pack("<Q", bits)


def date(milliseconds: int) -> Element:
    return 0x09, struct.pack("<q", milliseconds)


def embedded(fields: Iterable[Field]) -> Element:
    return 0x03, whole(*fields)


def array(values: Iterable[Element]) -> Element:
    return 0x04, whole(*((b"%d" % index, value) for index, value in enumerate(values)))


def raw(document: bytes) -> Element:
    """A document that is put together already."""
    return 0x03, document


def nested(levels: int, inner: Element) -> Element:
    for _ in range(levels):
        inner = embedded([(b"d", inner)])
    return inner


def whole(*fields: Field) -> bytes:
    """A BSON document of these fields, names repeated or not."""
    body = b"".join(bytes([kind]) + name + b"\0" + value for name, (kind, value) in fields)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def _string(raw_text: bytes) -> bytes:
    return struct.pack("<i", len(raw_text) + 1) + raw_text + b"\0"


def small_document(identity: bytes, number: int) -> bytes:
    return whole((b"_id", text(identity)), (b"good", (0x10, struct.pack("<i", number))))
