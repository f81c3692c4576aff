"""Both sides are read in ranges of `_id`: everything once, whatever the type of an `_id` and the size of a document."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo.database import Database

from syncapp.compare import ranges as ranges_module
from syncapp.compare.ranges import Page, read_range
from syncapp.core.rule.projection import WHOLE
from tests.support.raw import EXACT, raw

IDS = [
    MinKey(), None, float("nan"), -1, 0, 1.5, Int64(2**40), Decimal128("1E+400"), "", "a", {"a": 1}, {"a": 1, "b": 2},
    Binary(b"x"), Binary.from_uuid(uuid.UUID(int=7)), ObjectId("6" * 24), False, True,
    dt.datetime(1969, 1, 1), dt.datetime(2026, 1, 1), Timestamp(1, 1), Code("f"), MaxKey(),
]  # fmt: skip


def ranges(local: Database[Any], atlas: Database[Any], **limits: int) -> tuple[list[bytes], list[bytes], int]:
    """Everything that all ranges hold together, and how many ranges there were."""
    here: list[bytes] = []
    there: list[bytes] = []
    start, count = None, 0
    while True:
        found = read_range(local, atlas, "shop", start, **limits)
        here, there, count = here + found.local, there + found.atlas, count + 1
        if (start := found.next) is None:
            return here, there, count


def stored(database: Database[Any]) -> list[bytes]:
    documents = database["shop"].with_options(codec_options=EXACT).find().sort("_id", 1)
    return [raw(document) for document in documents]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("sides", ["both", "local", "atlas", "turns"])
def test_every_type_of_id_is_seen_once(
    local_db: Database[Any], atlas_db: Database[Any], page: int, sides: str
) -> None:
    documents = [{"_id": value, "n": number} for number, value in enumerate(IDS)]
    chosen = {"both": (documents, documents), "local": (documents, []), "atlas": ([], documents)}
    chosen["turns"] = (documents[::2], documents[1::2])
    for database, some in zip((local_db, atlas_db), chosen[sides], strict=True):
        if some:
            database["shop"].insert_many(some)
    here, there, _ = ranges(local_db, atlas_db, page=page)
    assert (here, there) == (stored(local_db), stored(atlas_db))


def test_a_range_ends_sooner_where_atlas_holds_more(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    local_db["shop"].insert_many([{"_id": number} for number in (0, 1_000)])
    atlas_db["shop"].insert_many([{"_id": number} for number in range(1_001)])
    start, sizes = None, []
    while True:
        found = read_range(local_db, atlas_db, "shop", start, page=100)
        sizes.append((len(found.local), len(found.atlas)))
        if (start := found.next) is None:
            break
    assert sizes == [(1, 100), *[(0, 100)] * 9, (1, 1)]


def test_a_range_ends_sooner_where_documents_are_inserted_meanwhile(
    local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    local_db["shop"].insert_many([{"_id": float(number)} for number in (0, 100, 200)])
    atlas_db["shop"].insert_many([{"_id": float(number)} for number in range(10)])
    reads = ranges_module._read_page

    def read(database: Database[Any], name: str, start: Any, end: Any, *rest: Any, **options: Any) -> Page:
        if database is local_db and end is not None and not local_db["shop"].count_documents({"new": True}):
            local_db["shop"].insert_many([{"_id": number / 10, "new": True} for number in range(1, 7)])
        return reads(database, name, start, end, *rest, **options)

    monkeypatch.setattr(ranges_module, "_read_page", read)
    here, there, _ = ranges(local_db, atlas_db, page=4)
    assert (here, there) == (stored(local_db), stored(atlas_db))


def test_documents_of_16_mb_come_one_at_a_time(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    huge = "x" * (16 * 1024 * 1024 - 100)
    for database in (local_db, atlas_db):
        for number in range(3):
            database["shop"].insert_one({"_id": number, "x": huge})
        database["shop"].insert_many([{"_id": number} for number in range(3, 10)])
    start, sizes = None, []
    while True:
        found = read_range(local_db, atlas_db, "shop", start)
        assert found.equal(WHOLE)
        sizes.append(len(found.local))
        if (start := found.next) is None:
            break
    assert sizes == [1, 1, 1, 7]


def test_ids_that_are_one_to_the_server_are_in_one_range(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    local_db["shop"].insert_many([{"_id": 1}, {"_id": 2}])
    atlas_db["shop"].insert_many([{"_id": 1.0}, {"_id": Int64(2)}])
    found = read_range(local_db, atlas_db, "shop", None, page=1)
    assert [bson.decode(document)["_id"] for document in (*found.local, *found.atlas)] == [1, 1.0]
    assert not found.equal(WHOLE)


def test_a_collection_that_does_not_exist_is_empty(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    assert ranges(local_db, atlas_db) == ([], [], 1)
