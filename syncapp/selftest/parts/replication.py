"""Does a document that an application creates, changes, replaces or deletes arrive on the other side, byte for byte?"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import Any

from bson import Binary, Decimal128, Int64, ObjectId
from pymongo.collection import Collection

from syncapp.core.values import Side
from syncapp.selftest.bench import ARROWS, ID, NAMES, Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, passed

ACTS: dict[str, Callable[[Collection[Any]], object]] = {
    "created": lambda there: there.insert_one(_document()),
    "updated": lambda there: there.update_one({"_id": ID}, {"$set": {"price": 30, "tags.1": "new"}}),
    "replaced": lambda there: there.replace_one({"_id": ID}, {"name": "Another", "price": 31.5}),
    "deleted": lambda there: there.delete_one({"_id": ID}),
}


def look(bench: Bench) -> Iterator[Line]:
    for source in (Side.ATLAS, Side.LOCAL):
        name = bench.scratch("replication")
        for act, write in ACTS.items():
            yield _arrives(bench, source, name, act, write)


def _arrives(
    bench: Bench, source: Side, name: str, act: str, write: Callable[[Collection[Any]], object]
) -> Line:
    write(bench.at(source, name))
    started = time.monotonic()
    expected, arrow = bench.raw(source, name), ARROWS[source]
    bench.until(
        lambda: bench.raw(source.other, name) == expected,
        f"{arrow}: the document that was {act} did not arrive",
    )
    took = milliseconds(started)
    key = f"{source}To{NAMES[source.other]}{act.capitalize()}Ms"
    return passed(f"{arrow}: document {act}, after {took:,} ms", **{key: took})


def _document() -> dict[str, Any]:
    """Of many types: what arrives must be the same bytes."""
    return {
        "_id": ID,
        "name": "Scratch item of the self-test",
        "price": 25,
        "exact": Decimal128("19.90"),
        "large": Int64(2**40),
        "at": dt.datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=dt.UTC),
        "tags": ["a", "b", {"c": None}],
        "owner": ObjectId("65f000000000000000000000"),
        "bytes": Binary(bytes(range(256))),
    }


PART = Part("replication", "create, update, replace and delete, in both directions", look, place=2)
