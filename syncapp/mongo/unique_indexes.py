"""The unique indexes of a collection, and queries about their values: which documents hold them,
which are equal there (a collation, numbers of several types), and which documents a partial index contains."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.content import elements, wrap
from syncapp.mongo import read_commands
from syncapp.mongo.index_keys import NULL, UNDEFINED, Path, Unsure, index_keys, values_of
from syncapp.mongo.transaction import session_of

NAMESPACE_NOT_FOUND = 26
BRANCHES = 1_000  # of one query
LITERAL_BYTES = 4_000_000  # of documents sent for evaluation
_REGEX, _DOCUMENT = 0x0B, 0x03
_NAN = b"\x01" + struct.pack("<d", math.nan)  # the first kind after null
_MIN_KEY = b"\xff"
_EMPTY_ARRAY = b"\x04" + wrap(b"")
_NUMBER = "_syncNumber"


class UniqueIndex(NamedTuple):
    name: str
    paths: tuple[Path, ...]
    ascending: tuple[bool, ...]
    sparse: bool
    hidden: bool
    collation: bytes  # as BSON; empty: none
    partial: bytes

    def keys(self, document: bytes | None) -> set[bytes]:
        """A document's keys, if the index is not partial. None if that is not certain."""
        try:
            return set() if document is None else index_keys(document, self.paths, self.sparse)
        except Unsure:
            return set()


def unique_indexes(database: Database[Any], collection: str) -> list[UniqueIndex]:
    """All but the one on `_id`, and those (2dsphere, text) whose keys are not values. Raises PyMongoError."""
    try:
        # There are at most 64 indexes: one reply contains them all
        reply = database.command({"listIndexes": collection}, codec_options=read_commands.RAW)
    except OperationFailure as error:
        if error.code == NAMESPACE_NOT_FOUND:
            return []
        raise
    found = read_commands.portion_of(reply).documents
    return [index for one in found if (index := _index(one)) is not None]


def _index(raw: bytes) -> UniqueIndex | None:
    fields = {name: (kind, value) for kind, name, value in elements(raw)}
    if b"unique" not in fields or fields[b"unique"][1] == b"\0":
        return None
    pattern = fields[b"key"][1]
    paths = [name for _, name, _ in elements(pattern)]
    try:
        ways = list(RawBSONDocument(pattern).values())
        name = str(RawBSONDocument(raw)["name"])
    except BSONError:
        return None
    if any(way not in (1, -1) for way in ways) or paths == [b"_id"]:
        return None
    return UniqueIndex(
        name,
        tuple(tuple(path.split(b".")) for path in paths),
        tuple(way == 1 for way in ways),
        b"sparse" in fields and fields[b"sparse"][1] != b"\0",
        b"hidden" in fields and fields[b"hidden"][1] != b"\0",
        fields.get(b"collation", (0, b""))[1],
        fields.get(b"partialFilterExpression", (0, b""))[1],
    )


def documents_with(
    database: Database[Any], collection: str, index: UniqueIndex, keys: Sequence[bytes]
) -> Iterator[bytes]:
    """The documents in an index with one of these keys, possibly with false positives. Raises PyMongoError."""
    in_queries = []
    for key in keys:
        values = values_of(key)
        if _nothing_at(index, values, -1) and not index.hidden:
            yield from _find(database, collection, index, b"", values)
        else:
            in_queries.append(values)
    for start, end in _portions([sum(map(len, values)) for values in in_queries], BRANCHES):
        yield from _find(database, collection, index, _query(index, in_queries[start:end]))


def _find(
    database: Database[Any], collection: str, index: UniqueIndex, query: bytes, values: Sequence[bytes] = ()
) -> Iterator[bytes]:
    command: dict[str, Any] = {"find": collection, "readConcern": {"level": "local"}}
    if query and index.partial:
        query = wrap(b"\x04$and\0" + wrap(b"\x030\0" + query + b"\x031\0" + index.partial))
    elif index.partial:
        query = index.partial
    if query:
        command["filter"] = RawBSONDocument(query)
    if values:
        command |= _range(index, values)
    if not index.hidden:
        command["hint"] = index.name
    if index.collation:
        command["collation"] = RawBSONDocument(index.collation)
    with (
        session_of(database) as session,
        closing(read_commands.portions(database, command, session)) as portions,
    ):
        for portion in portions:
            yield from portion


def _nothing_at(index: UniqueIndex, values: Sequence[bytes], place: int) -> bool:
    """Null at a dotted path: an array on the path has such a key too, which a query for null does not find."""
    return values[place] == NULL and len(index.paths[place]) > 1


def _range(index: UniqueIndex, values: Sequence[bytes]) -> dict[str, RawBSONDocument]:
    """The keys of an index from these values, the last of which is null, up to the next kind of value."""
    bounds = {"min": values, "max": [*values[:-1], _NAN if index.ascending[-1] else _MIN_KEY]}
    paths = [b".".join(path) for path in index.paths]
    return {
        name: RawBSONDocument(
            wrap(b"".join(one[:1] + path + b"\0" + one[1:] for path, one in zip(paths, bound, strict=True)))
        )
        for name, bound in bounds.items()
    }


def _query(index: UniqueIndex, keys: Sequence[Sequence[bytes]]) -> bytes:
    wanted = [[_EMPTY_ARRAY if one == UNDEFINED else one for one in values] for values in keys]
    paths = [b".".join(path) for path in index.paths]
    if len(paths) == 1 and not any(
        _is_operator(values[0]) or _nothing_at(index, values, 0) for values in wanted
    ):
        choice = b"".join(one[:1] + b"%d\0" % place + one[1:] for place, (one,) in enumerate(wanted))
        return wrap(b"\x03" + paths[0] + b"\0" + wrap(b"\x04$in\0" + wrap(choice)))
    branches = []
    for place, values in enumerate(wanted):
        # $eq: a regular expression is compared as a value, not as a pattern
        conditions = [
            b"\x03" + path + b"\0" + wrap(one[:1] + b"$eq\0" + one[1:])
            for part, (path, one) in enumerate(zip(paths, values, strict=True))
            if not _nothing_at(index, values, part)
        ]
        branches.append(b"\x03%d\0" % place + wrap(b"".join(conditions)))
    return wrap(b"\x04$or\0" + wrap(b"".join(branches)))


def _is_operator(value: bytes) -> bool:
    """Would $in interpret the value?"""
    return value[0] == _REGEX or (value[0] == _DOCUMENT and value[6:7] == b"$")


def classes_of(
    database: Database[Any], collection: str, index: UniqueIndex, keys: Sequence[bytes]
) -> dict[bytes, int]:
    """A number for each key: the same for those that are equal by the server's own comparison. Keys that the
    server was not asked about (the collection is empty) are all different. Raises PyMongoError."""
    found = {key: place for place, key in enumerate(keys)}
    if sum(map(len, keys)) > 2 * LITERAL_BYTES:
        return found  # too large for one command: fall back to equal bytes
    pipeline = [
        *_literally([b"\x03v\0" + key for key in keys]),
        {"$group": {"_id": "$v", "places": {"$push": f"${_NUMBER}"}}},
        {"$project": {"_id": 0, "places": 1}},
    ]
    for group in _aggregate(database, collection, pipeline, index):
        first, *others = group["places"]
        for place in others:
            found[keys[place]] = first
    return found


def taken_by(
    database: Database[Any], collection: str, index: UniqueIndex, documents: Sequence[bytes]
) -> list[bool]:
    """Which of these versions of documents a partial index contains. Raises PyMongoError."""
    if not index.partial:
        return [True] * len(documents)
    names = _fields_of(index.partial)
    parts = [
        b"".join(bytes([kind]) + name + b"\0" + value for kind, name, value in elements(one) if name in names)
        for one in documents
    ]
    taken = [False] * len(documents)
    for start, end in _portions([len(part) for part in parts]):
        pipeline = [
            *_literally(parts[start:end]),
            {"$match": RawBSONDocument(index.partial)},
            {"$project": {"_id": 0, _NUMBER: 1}},
        ]
        for one in _aggregate(database, collection, pipeline, index):
            taken[start + one[_NUMBER]] = True
    return taken


def _fields_of(expression: bytes) -> set[bytes]:
    """The top-level fields that a filter may use."""
    found = set()
    for kind, name, value in elements(expression):
        if not name.startswith(b"$"):
            found.add(name.partition(b".")[0])
        elif kind in (0x03, 0x04):
            for _, _, part in (one for one in elements(value) if one[0] == _DOCUMENT):
                found |= _fields_of(part)
    return found


def _portions(sizes: Sequence[int], most: int = 1 << 30) -> Iterator[tuple[int, int]]:
    start, size = 0, 0
    for place, one in enumerate(sizes):
        if place > start and (size + one > LITERAL_BYTES or place - start >= most):
            yield start, place
            start, size = place, 0
        size += one + 40
    if sizes:
        yield start, len(sizes)


def _literally(documents: Sequence[bytes]) -> list[Any]:
    """Stages that produce these documents (as BSON elements), numbered, whatever the collection holds."""
    numbered = [
        b"\x03%d\0" % place + wrap(one + b"\x10" + _NUMBER.encode() + b"\0" + place.to_bytes(4, "little"))
        for place, one in enumerate(documents)
    ]
    literal = RawBSONDocument(wrap(b"\x04$literal\0" + wrap(b"".join(numbered))))
    return [
        {"$limit": 1},
        {"$project": {"_id": 0, "one": literal}},
        {"$unwind": "$one"},
        {"$replaceRoot": {"newRoot": "$one"}},
    ]


def _aggregate(
    database: Database[Any], collection: str, pipeline: list[Any], index: UniqueIndex
) -> Iterator[dict[str, Any]]:
    collation = dict(RawBSONDocument(index.collation)) if index.collation else None
    yield from database[collection].aggregate(pipeline, collation=collation)
