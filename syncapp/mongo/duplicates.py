"""Which documents a unique index would refuse, before it is built: one aggregation on the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.core.content import elements
from syncapp.mongo.definitions import LENIENT, Specification

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`values`: of the index's fields. `first` and `last`: two of the `_id`s, of `documents`."""

    values: Mapping[str, Any]
    documents: int
    first: Any
    last: Any


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`values`: how many are held by several documents; `documents`: by how many in all."""

    values: int = 0
    documents: int = 0
    examples: tuple[Duplicate, ...] = ()


def find_duplicates(database: Database[Any], collection: str, index: Specification) -> Duplicates:
    """Without those that only the server's own build can tell (a path with numbers, several paths into one array): it names one
    of these then. Raises PyMongoError."""
    paths = list(index.values["key"])
    if not _can_tell(index.values["key"]):
        return Duplicates()
    parts = {name: RawBSONDocument(value) for _, name, value in elements(index.raw) if name in _PARTS}
    pipeline: list[dict[str, Any]] = []
    if b"partialFilterExpression" in parts:
        pipeline.append({"$match": parts[b"partialFilterExpression"]})
    if index.values.get("sparse"):
        pipeline.append({"$match": {"$or": [{path: {"$exists": True}} for path in paths]}})
    pipeline += [*_without_shared_arrays(paths), *_grouped(paths)]
    more = {"collation": parts[b"collation"]} if b"collation" in parts else {}
    found = database.command(
        {"aggregate": collection, "pipeline": pipeline, "cursor": {}, "allowDiskUse": True, **more},
        codec_options=LENIENT,
    )["cursor"]["firstBatch"][0]
    examples = tuple(
        Duplicate(dict(zip(paths, one["_id"].values(), strict=True)), one["n"], one["first"], one["last"])
        for one in found["some"]
    )
    total = found["all"][0] if found["all"] else {"values": 0, "documents": 0}
    return Duplicates(total["values"], total["documents"], examples)


_PARTS = (b"partialFilterExpression", b"collation")


def _can_tell(key: Mapping[str, Any]) -> bool:
    steps = [path.split(".") for path in key]
    usual = all(step and not step.isdigit() and not step.startswith("$") for path in steps for step in path)
    return usual and all(way in (1, -1) for way in key.values())


def _without_shared_arrays(paths: list[str]) -> list[dict[str, Any]]:
    """Of an array of documents an index holds what stands in one of them together; the aggregation would mix them."""
    steps = [path.split(".") for path in paths]
    if len({path[0] for path in steps}) == len(paths):
        return []
    inner = {".".join(path[:end]) for path in steps for end in range(1, len(path))}
    arrays = [{"$isArray": f"${one}"} for one in sorted(inner)]
    return [{"$match": {"$expr": {"$not": [{"$or": arrays}]}}}]


def _grouped(paths: list[str]) -> list[dict[str, Any]]:
    names = [f"k{place}" for place in range(len(paths))]
    held = dict(zip(names, map(_values_at, paths), strict=True))
    # The least and the greatest _id differ if there are several: a list of them could become too large
    group = {"n": {"$sum": 1}, "first": {"$min": "$_id"}, "last": {"$max": "$_id"}}
    total = {"_id": None, "values": {"$sum": 1}, "documents": {"$sum": "$n"}}
    return [
        {"$project": held},
        *({"$unwind": f"${name}"} for name in names),
        {"$group": {"_id": {name: f"${name}" for name in names}, **group}},
        {"$match": {"$expr": {"$ne": ["$first", "$last"]}}},
        {"$facet": {"all": [{"$group": total}], "some": [{"$sort": {"n": -1}}, {"$limit": EXAMPLES}]}},
    ]


def _values_at(path: str) -> dict[str, Any]:
    """As an array: an index has a key for each element, and a missing field counts as null, an empty array does not."""
    value = {"$ifNull": [f"${path}", None]}
    has_elements = {"$and": [{"$isArray": value}, {"$ne": [value, []]}]}
    return {"$cond": [has_elements, {"$setUnion": [value]}, [value]]}
