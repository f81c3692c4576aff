"""The fields of a document by name, as raw BSON: types and bytes stay as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncapp.core.content import elements, wrap

DOCUMENT, ARRAY = 0x03, 0x04
Element = tuple[int, bytes]  # BSON type and value
Fields = Mapping[bytes, Element]


def fields_of(document: bytes | None) -> dict[bytes, Element]:
    """Of fields of one name the last. None: absent."""
    return {} if document is None else {name: (kind, value) for kind, name, value in elements(document)}


def document_of(fields: Iterable[tuple[bytes, Element]]) -> bytes:
    """In their order."""
    return wrap(b"".join(bytes([kind]) + name + b"\0" + value for name, (kind, value) in fields))


def element_at(element: Element | None, path: Iterable[bytes]) -> Element | None:
    """Through embedded documents. None: it is absent."""
    found = element
    for name in path:
        found = fields_of(found[1]).get(name) if found and found[0] == DOCUMENT else None
    return found
