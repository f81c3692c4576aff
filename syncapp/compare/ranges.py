"""Documents of both sides in one range of `_id`, as raw BSON: the pages of a comparison.

A range starts at an `_id` (inclusive) and ends before another. The server orders them, across all types of
`_id`, by index bounds ($gt would stay within one type), so no order is implemented here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import bson
from bson import MaxKey
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.core.content import document_key, id_of
from syncapp.core.rule.collection_rule import NOTHING
from syncapp.core.rule.projection import Projection
from syncapp.core.values import DocumentKey
from syncapp.mongo.matching import foreign
from syncapp.mongo.read_commands import RAW, portions
from syncapp.mongo.transaction import session_of
from syncapp.store.run import PAGE

PAGE_BYTES = 8_000_000
_LAST = bson.encode({"_id": MaxKey()})  # the greatest possible _id


@dataclass(frozen=True, slots=True)
class Page:
    """Documents of one side in the order of `_id`; `next`: where the page after it starts, None: nowhere."""

    documents: list[bytes]
    next: bytes | None


@dataclass(frozen=True, slots=True)
class Range:
    """All documents of both sides from one `_id` on; `next` as in Page."""

    local: list[bytes]
    atlas: list[bytes]
    next: bytes | None
    foreign: frozenset[DocumentKey] = frozenset()  # Atlas's documents that do not match the filter

    def equal(self, projection: Projection) -> bool:
        """Do both sides hold the same documents?"""
        if self.local == self.atlas:  # the same bytes
            return True
        return len(self.local) == len(self.atlas) and all(map(projection.same, self.local, self.atlas))


def read_range(
    local: Database[Any],
    atlas: Database[Any],
    name: str,
    start: bytes | None,
    page: int = PAGE,
    max_bytes: int = PAGE_BYTES,
    *,
    only_ids: bool = False,
    expression: Mapping[str, Any] = NOTHING,
) -> Range:
    """The next range: it ends where the side that is denser there has `page` documents, or `max_bytes`.

    `start`: BSON of {_id: …}, inclusive; None: the first there is. `only_ids`: nothing else of the documents is read.
    `expression`: the collection's filter; what matches it is asked for afterwards, so that a change in between is an event.
    Raises PyMongoError.
    """
    read_page = partial(_read_page, only_ids=only_ids)
    here = read_page(local, name, start, None, page, max_bytes)
    there = read_page(atlas, name, start, here.next, page, max_bytes)
    end = here.next
    while there.next is not None:  # Atlas has more there: shorten the range
        end = there.next
        here = read_page(local, name, start, end, page, max_bytes)
        if here.next is None:
            break
        # Documents were inserted meanwhile: shorten it further
        end = here.next
        there = read_page(atlas, name, start, end, page, max_bytes)
    keys = (document_key(name, id_of(one)) for one in there.documents) if expression else ()
    return Range(here.documents, there.documents, end, foreign(atlas, name, keys, expression))


def all_ranges(local: Database[Any], atlas: Database[Any], name: str) -> Iterator[Range]:
    """One after the other, as they are when they are asked for. Raises PyMongoError."""
    found = read_range(local, atlas, name, None)
    yield found
    while found.next is not None:
        found = read_range(local, atlas, name, found.next)
        yield found


def _read_page(
    database: Database[Any],
    name: str,
    start: bytes | None,
    end: bytes | None,
    page: int,
    max_bytes: int,
    only_ids: bool,
) -> Page:
    """Documents from `start` (inclusive) to `end` (exclusive): at least one, if there is one."""
    if start == _LAST:  # a range that starts there is empty for the server
        return Page(_the_last(database, name, only_ids), None)
    command: dict[str, Any] = {
        "find": name,
        "hint": {"_id": 1},
        "limit": page + 1,
        "batchSize": page + 1,
        "readConcern": {"level": "majority"},
    }
    if only_ids:
        command["projection"] = {"_id": 1}
    if start is not None:
        command["min"] = RawBSONDocument(start)
    if end is not None:
        command["max"] = RawBSONDocument(end)
    found: list[bytes] = []
    with session_of(database) as session, closing(portions(database, command, session)) as replies:
        # One document more than the page takes: where the next one starts. A reply holds 16 MB at most
        for documents in replies:
            found += documents
            if len(found) > 1 and sum(map(len, found)) > max_bytes:
                break
    if len(found) > 1 and (len(found) > page or sum(map(len, found)) > max_bytes):
        return Page(found[:-1], id_of(found[-1]))
    if start is not None and end is None:
        found += _the_last(database, name, only_ids)  # with `min` alone the server leaves it out
    return Page(found, None)


def _the_last(database: Database[Any], name: str, only_ids: bool) -> list[bytes]:
    wanted = {"_id": 1} if only_ids else None
    found = database[name].with_options(codec_options=RAW).find_one({"_id": MaxKey()}, wanted)
    return [] if found is None else [bytes(found.raw)]
