"""Which collections are refused, and when a worker asks again."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.conf.settings import BASE_DIR
from syncapp.rules.refusals import KEEP_SECONDS, RefusalCheck, refusals, why_refused
from syncapp.store.names import OWN, SCRATCH
from tests.support.versions import needs_mongodb_5

Databases = tuple[Database[Any], Database[Any]]


@pytest.fixture
def both(local_db: Database[Any], atlas_db: Database[Any]) -> Databases:
    return local_db, atlas_db


@pytest.mark.parametrize(
    ("info", "word"),
    [
        ({"type": "view", "options": {"viewOn": "orders"}}, "view"),
        ({"type": "timeseries", "options": {}}, "time-series"),
        ({"type": "collection", "options": {"capped": True, "size": 4096}}, "capped"),
        ({"type": "collection", "options": {"collation": {"locale": "de"}}}, "collation"),
        ({"type": "collection", "options": {"collation": {"locale": "simple"}}}, ""),
        ({"type": "collection", "options": {"validator": {"a": 1}}}, ""),
        ({"type": "collection"}, ""),
    ],
)
def test_each_kind_is_refused_on_either_side(info: dict[str, Any], word: str) -> None:
    plain = {"type": "collection", "options": {}}
    here, there = why_refused(info, plain), why_refused(plain, info)
    assert bool(here) == bool(there) == bool(word)
    if word:
        assert word in here
        assert "on the local side" in here
        assert "on Atlas" in there
    assert bool(why_refused(info, None)) == bool(word)


def test_an_applications_collection_under_a_name_of_the_servers_own_is_named(both: Databases) -> None:
    local, atlas = both
    atlas.create_collection("tmp.agg_out.mine")
    atlas["source"].insert_one({})
    many = [{"$project": {"k": {"$range": [0, 30_000]}}}, {"$unwind": "$k"}, {"$project": {"_id": "$k"}}]
    out = threading.Thread(target=atlas["source"].aggregate, args=([*many, {"$out": "result"}],))
    found, servers_own = set(), set()
    out.start()
    try:
        while out.is_alive():
            found.add(tuple(refusals(local, atlas)))
            servers_own |= {name for name in atlas.list_collection_names() if name.startswith("tmp.")}
    finally:
        out.join()
    assert found == {("tmp.agg_out.mine",)}
    assert len(servers_own) == 2, "the collection that $out renames was there meanwhile"
    assert "on Atlas" in refusals(local, atlas)["tmp.agg_out.mine"]


@needs_mongodb_5
def test_both_databases_are_asked(both: Databases) -> None:
    local, atlas = both
    local.create_collection("ring", capped=True, size=4096)
    local.create_collection("plain")
    local.create_collection("_sync_ring", capped=True, size=4096)
    local.command("create", "open", viewOn="plain", pipeline=[])
    atlas.create_collection("names", collation={"locale": "de"})
    atlas.create_collection("weather", timeseries={"timeField": "at"})
    found = refusals(local, atlas)
    assert {name: why.partition(":")[0] for name, why in found.items()} == {
        "_sync_ring": "Names that begin with _sync_ are reserved for sync and never synchronised",
        "names": "It has a default collation on Atlas",
        "open": "It is a view on the local side",
        "ring": "It is a capped collection on the local side",
        "weather": "It is a time-series collection on Atlas",
    }
    assert shared_collections(local, atlas) == ["plain"], "a comparison leaves them out as well"


def test_an_answer_is_kept_for_a_moment_only(both: Databases) -> None:
    local, atlas = both
    now = [0.0]
    check = RefusalCheck(local, atlas, lambda: now[0])
    for database in both:
        database.create_collection("orders")
    assert check.why("orders") == ""
    atlas.drop_collection("orders")
    atlas.create_collection("orders", capped=True, size=4096)
    assert check.why("orders") == "", "the answer is kept"
    now[0] = KEEP_SECONDS
    assert "capped" in check.why("orders")
    atlas.drop_collection("orders")
    atlas.create_collection("orders")
    assert check.why("orders") == "", "a refusal is not kept: what is skipped wrongly would be missing"


def test_a_collection_that_is_missing_on_a_side_is_asked_about_again(both: Databases) -> None:
    local, atlas = both
    check = RefusalCheck(local, atlas)
    local.create_collection("orders")
    assert check.why("orders") == ""
    atlas.create_collection("orders", collation={"locale": "de"})
    assert "on Atlas" in check.why("orders")


@needs_mongodb_5
def test_what_people_keep_under_reserved_names_is_named(both: Databases) -> None:
    local, atlas = both
    local["system.js"].insert_one({"_id": "twice", "value": 2})
    atlas["_sync_notes"].insert_one({"_id": 1})
    local["plain"].insert_one({"_id": 1})
    local.command("create", "open", viewOn="plain", pipeline=[])  # makes system.views
    atlas.create_collection("weather", timeseries={"timeField": "at"})  # makes system.buckets.weather
    for name in OWN | {f"{SCRATCH}1"}:
        local[name].insert_one({"_id": 1})
    local.command("profile", 2)
    local["plain"].find_one()
    local.command("profile", 0)
    found = refusals(local, atlas)
    assert set(found) == {"system.js", "_sync_notes", "open", "weather"}
    assert "JavaScript" in found["system.js"]
    assert "rename it" in found["_sync_notes"]


def test_syncs_own_collections_are_known_by_their_names() -> None:
    files = (BASE_DIR / "syncapp").rglob("*.py")
    used = {name for file in files for name in re.findall(r'"(_sync_[a-z]+)"', file.read_text())}
    assert used == OWN
