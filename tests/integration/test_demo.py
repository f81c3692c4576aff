"""The shop of the demo: it writes on both sides, stays small, and survives a server that goes away."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from syncapp.core.values import BOTH
from syncapp.demo import branch, samples
from syncapp.demo.shop import Shop
from syncapp.embedded.mongod import Mongod
from syncapp.store.names import token_id
from tests.support.eventually import eventually

Documents = Database[dict[str, Any]]


def open_shop(local: Documents, atlas: Documents, rate: float = 1_000, seed: int = 1) -> Shop:
    local["_sync_metadata"].insert_many([{"_id": token_id(side)} for side in BOTH])
    return Shop(local, atlas, rate, threading.Event(), random.Random(seed))


def test_it_waits_until_the_listener_has_begun(local_db: Documents, atlas_db: Documents) -> None:
    shop = Shop(local_db, atlas_db, 1_000, threading.Event(), random.Random(1))
    shop.run(seconds=0.1)
    assert shop.written == 0
    assert local_db.list_collection_names() == []


def test_every_kind_of_write_happens_on_both_sides(local_db: Documents, atlas_db: Documents) -> None:
    shop = open_shop(local_db, atlas_db)
    assert shop.open()
    with local_db.watch() as here, atlas_db.watch() as there:
        for _ in range(100):
            shop.burst()
        for stream in (here, there):
            kinds = set()
            while event := stream.try_next():
                kinds.add(event["operationType"])
            assert kinds == {"insert", "update", "replace", "delete"}


def test_it_stays_small(local_db: Documents, atlas_db: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch, "MAX_ORDERS", 10)
    monkeypatch.setattr(branch, "MAX_SESSIONS", 3)
    shop = open_shop(local_db, atlas_db)
    shop.open()
    for _ in range(200):
        shop.burst()
    for side in (local_db, atlas_db):
        assert 0 < side["orders"].count_documents({}) <= 10
        assert side["sessions"].count_documents({}) <= 3


def test_the_branches_change_only_what_is_their_own(local_db: Documents, atlas_db: Documents) -> None:
    shop = open_shop(local_db, atlas_db)
    shop.open()
    foreign = samples.order(random.Random(0), "online")
    local_db["orders"].insert_one(foreign)
    for _ in range(100):
        shop.burst()
    assert local_db["orders"].find_one({"_id": foreign["_id"]}) is not None
    assert local_db["menuitems"].count_documents({}) == 0


def test_a_clash_changes_one_document_on_both_sides(local_db: Documents, atlas_db: Documents) -> None:
    shop = open_shop(local_db, atlas_db)
    shop.open()
    assert not shop.clash(), "the menu has not arrived at the till"
    local_db["menuitems"].insert_many(list(atlas_db["menuitems"].find()))
    assert shop.clash()
    here = local_db["menuitems"].find_one({"note": "from the till"})
    there = atlas_db["menuitems"].find_one({"note": "from head office"})
    assert here is not None
    assert there is not None
    assert here["_id"] == there["_id"]


def test_a_second_start_goes_on_with_what_is_there(local_db: Documents, atlas_db: Documents) -> None:
    open_shop(local_db, atlas_db).open()
    again = Shop(local_db, atlas_db, 1_000, threading.Event(), random.Random(2))
    again.open()
    assert local_db["tables"].count_documents({}) == samples.TABLES
    again.burst()


def test_it_goes_on_when_a_server_comes_back(
    atlas_db: Documents, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncapp.demo.shop.RETRY_S", 0.1)
    server = Mongod(tmp_path)
    server.start()
    with MongoClient[dict[str, Any]](server.uri("shop"), serverSelectionTimeoutMS=300) as client:
        shop = open_shop(client["shop"], atlas_db)
        runs = threading.Thread(target=shop.run)
        runs.start()
        try:
            eventually(lambda: shop.written > 20, "it writes")
            server.kill()
            eventually(lambda: client_is_away(client), "the server is down")
            before = shop.written
            server.start()
            eventually(lambda: shop.written > before + 20, "it writes again")
        finally:
            shop.stop.set()
            runs.join(10)
            server.kill()
    assert not runs.is_alive()


def client_is_away(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        client.admin.command("ping")
    except Exception:
        return True
    return False
