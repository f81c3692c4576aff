"""`sync_backup` and `sync_restore`: raw bytes, options and indexes there and back, and what is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
    encode,
)
from pymongo.database import Database

from syncapp.backup.backup import back_up
from syncapp.backup.dump_folder import DumpError, file_name, read_metadata
from syncapp.backup.restore import Restored, open_dump, restore
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.processes import manage
from tests.support.raw import EXACT, documents
from tests.support.versions import needs_mongodb_5

Db = Database[Any]
VALUES: list[Any] = [
    1, Int64(2**40), 1.5, -0.0, float("inf"), float("nan"), Decimal128("3.10"), "text", "", b"bytes",
    Binary(b"x" * 16, 4), ObjectId("0" * 24), True, False, None, dt.datetime(2026, 1, 1), DatetimeMS(-(10**15)),
    DatetimeMS(2**62), Timestamp(0, 0), Timestamp(5, 6), MinKey(), MaxKey(), Code("x"), Code("x", {"a": 1}),
    {"a": 1, "b": {"c": [1, 2]}}, DBRef("c", 1),
]  # fmt: skip
ODD = [
    {"_id": "timestamps", "t": Timestamp(0, 0), "in": {"t": Timestamp(0, 0)}},
    {"_id": "names", "$set": {"a": 1}, "a.b": 2, "": 3, "$": 4},
    {"_id": "order", "z": 1, "a": Int64(1), "m": 1.0},
    {"_id": "regex", "r": Regex("^a", "ix")},
]


def save(database: Db, folder: Path, **options: Any) -> Any:
    return back_up({Side.LOCAL: database}, folder, **options)[Side.LOCAL]


def bring_back(database: Db, folder: Path, drop: bool = False) -> dict[str, Restored]:
    dump = open_dump(folder, Side.LOCAL, database.name)
    return {one.name: one for one in restore(database, dump, drop)}


def stored(database: Db, collection: str) -> list[bytes]:
    return sorted(documents(database, collection))


@needs_mongodb_5
@pytest.mark.parametrize("compress", [False, True])
def test_every_type_comes_back_as_the_same_bytes(
    local_db: Db, atlas_db: Db, tmp_path: Path, compress: bool
) -> None:
    typed = local_db.get_collection("types", codec_options=EXACT)
    for value in VALUES:
        if value == Timestamp(0, 0):
            continue  # as an _id the server would fill it in
        typed.insert_one({"_id": value, "v": VALUES})
    for document in ODD:
        typed.update_one({"$nor": [{}]}, [{"$replaceWith": {"$literal": document}}], upsert=True)
    assert encode(ODD[0]) in stored(local_db, "types"), "the test's own document is as it should be"
    saved = save(local_db, tmp_path / "b", compress=compress)
    assert (saved.documents, saved.apart) == (len(VALUES) - 1 + len(ODD), [])
    (restored,) = bring_back(atlas_db, tmp_path / "b").values()
    assert (restored.documents, restored.problems) == (saved.documents, [])
    assert stored(atlas_db, "types") == stored(local_db, "types")


@needs_mongodb_5
def test_options_indexes_and_odd_names_come_back(local_db: Db, atlas_db: Db, tmp_path: Path) -> None:
    local_db.create_collection("ring", capped=True, size=8192, max=5)
    local_db["ring"].insert_many([{"_id": n} for n in range(3)])
    local_db.create_collection("names", collation={"locale": "de", "strength": 1})
    local_db.create_collection("weather", timeseries={"timeField": "at", "metaField": "where"})
    local_db["weather"].insert_many(
        [{"at": dt.datetime(2026, 1, n), "where": "x", "t": n} for n in (1, 2, 3)]
    )
    local_db.command("create", "open", viewOn="orders", pipeline=[{"$match": {"open": True}}])
    local_db["orders"].insert_one({"_id": 1, "total": -1, "open": True})
    local_db.command("collMod", "orders", validator={"total": {"$gte": 0}})  # after a document that fails it
    local_db["orders"].create_index([("number", 1), ("total", -1)], unique=True, sparse=True)
    local_db["orders"].create_index("at", expireAfterSeconds=3600)
    local_db["orders"].create_index([("text", "text")], default_language="german")
    for name in ("a/b %20", "ä" * 90, "x.y"):
        local_db[name].insert_one({"_id": name})
    save(local_db, tmp_path / "b")
    done = bring_back(atlas_db, tmp_path / "b")
    assert [problem for one in done.values() for problem in one.problems] == []

    def described(database: Db) -> dict[str, Any]:
        infos = {i["name"]: i for i in database.list_collections() if not i["name"].startswith("system.")}
        return {
            name: (
                info["type"],
                info["options"],
                [] if info["type"] == "view" else sorted(map(str, database[name].list_indexes())),
            )
            for name, info in infos.items()
        }

    assert described(atlas_db) == described(local_db)
    for name in local_db.list_collection_names():
        if not name.startswith("system.views"):
            assert stored(atlas_db, name) == stored(local_db, name), name


def test_the_layout_is_mongodumps(local_db: Db, tmp_path: Path) -> None:
    local_db["a/b"].insert_many([{"_id": 1}, {"_id": 2}])
    save(local_db, tmp_path / "b")
    place = tmp_path / "b" / "local" / local_db.name
    assert sorted(path.name for path in place.iterdir()) == ["a%2Fb.bson", "a%2Fb.metadata.json"]
    assert (place / "a%2Fb.bson").read_bytes() == encode({"_id": 1}) + encode({"_id": 2})
    metadata = json.loads((place / "a%2Fb.metadata.json").read_text())
    assert metadata["indexes"] == [
        {"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"}
    ]
    assert (metadata["collectionName"], metadata["type"], len(metadata["uuid"])) == ("a/b", "collection", 32)
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    (row,) = manifest["sides"]["local"]["collections"]
    assert (row["name"], row["documents"], row["bytes"]) == ("a/b", 2, 28)
    assert manifest["sides"]["local"]["server_version"] == local_db.client.server_info()["version"]
    assert len(file_name("ä" * 90)) < 250


@pytest.mark.parametrize("depth", ["folder of all databases", "folder of one database", "compressed"])
def test_a_folder_that_mongodump_wrote(local_db: Db, tmp_path: Path, depth: str) -> None:
    place = tmp_path / "dump" / "shop"
    place.mkdir(parents=True)
    (tmp_path / "dump" / "admin").mkdir()
    (tmp_path / "dump" / "admin" / "system.version.metadata.json").write_text("{}")
    metadata = (
        '{"options":{"validator":{"total":{"$gte":{"$numberInt":"0"}}}},"indexes":[{"v":{"$numberInt":"2"},'
        '"key":{"_id":{"$numberInt":"1"}},"name":"_id_"},{"v":{"$numberInt":"2"},"unique":true,"key":'
        '{"number":{"$numberInt":"1"}},"name":"number_1"}],"uuid":"5f0c0f6f1f4b4b7e9d5a3c2b1a0f9e8d",'
        '"collectionName":"orders","type":"collection"}'
    )
    data = encode({"_id": 1, "number": 7}) + encode({"_id": 2, "number": 8})
    if depth == "compressed":
        (place / "orders.metadata.json.gz").write_bytes(gzip.compress(metadata.encode()))
        (place / "orders.bson.gz").write_bytes(gzip.compress(data))
    else:
        (place / "orders.metadata.json").write_text(metadata)
        (place / "orders.bson").write_bytes(data)
    done = bring_back(local_db, place if depth == "folder of one database" else place.parent)
    assert (done["orders"].documents, done["orders"].problems) == (2, [])
    assert stored(local_db, "orders") == [encode({"_id": 1, "number": 7}), encode({"_id": 2, "number": 8})]
    assert local_db["orders"].index_information()["number_1"]["unique"]
    assert local_db["orders"].options()["validator"] == {"total": {"$gte": 0}}


def test_what_is_there_stays_unless_it_is_dropped(local_db: Db, tmp_path: Path) -> None:
    orders = local_db["orders"]
    orders.insert_many([{"_id": 1, "v": "old"}, {"_id": 2, "v": "old"}])
    orders.update_one({"_id": 2}, [{"$replaceWith": {"$literal": {"_id": 2, "t": Timestamp(0, 0)}}}])
    save(local_db, tmp_path / "b")
    orders.update_many({}, {"$set": {"v": "new"}})
    orders.insert_one({"_id": 3})
    done = bring_back(local_db, tmp_path / "b")["orders"]
    assert (done.documents, done.there, done.problems) == (0, 2, [])
    assert [one.get("v") for one in orders.find()] == ["new", "new", None]
    done = bring_back(local_db, tmp_path / "b", drop=True)["orders"]
    assert (done.documents, done.there) == (2, 0)
    assert stored(local_db, "orders") == sorted(
        [encode({"_id": 1, "v": "old"}), encode({"_id": 2, "t": Timestamp(0, 0)})]
    )


def test_a_document_that_is_refused_is_named_and_the_others_come(local_db: Db, tmp_path: Path) -> None:
    local_db["orders"].insert_many([{"_id": n, "number": n} for n in range(5)])
    save(local_db, tmp_path / "b")
    local_db["orders"].delete_many({})
    local_db["orders"].create_index("number", unique=True)
    local_db["orders"].insert_one({"_id": "x", "number": 3})
    done = bring_back(local_db, tmp_path / "b")["orders"]
    assert (done.documents, done.there, len(done.problems)) == (4, 0, 1)
    assert "number_1" in done.problems[0]


@needs_mongodb_5
def test_all_collections_are_of_one_moment(local_db: Db, tmp_path: Path) -> None:
    """A writer keeps two counters equal; a backup that reads them one after the other sees them differ."""
    stop = threading.Event()
    local_db["a"].insert_one({"_id": 1, "n": 0})
    local_db["z"].insert_one({"_id": 1, "n": 0})
    local_db["middle"].insert_many([{"_id": n, "x": "x" * 1000} for n in range(20_000)])

    def write() -> None:
        while not stop.is_set():
            with local_db.client.start_session() as session, session.start_transaction():
                for name in ("a", "z"):
                    local_db[name].update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        saved = save(local_db, tmp_path / "b")
    finally:
        stop.set()
        writer.join()
    place = tmp_path / "b" / "local" / local_db.name
    assert (place / "a.bson").read_bytes() == (place / "z.bson").read_bytes()
    assert saved.at_cluster_time
    final = local_db["a"].find_one()
    assert final is not None
    assert encode(final) != (place / "a.bson").read_bytes(), "the writer went on meanwhile"


@needs_mongodb_5
def test_what_cannot_be_read_at_that_moment_is_said(local_db: Db, tmp_path: Path) -> None:
    local_db.create_collection("ring", capped=True, size=4096)
    local_db["ring"].insert_one({"_id": 1})
    local_db["orders"].insert_one({"_id": 1})
    saved = save(local_db, tmp_path / "b")
    assert (saved.documents, saved.apart) == (2, ["ring"])


def test_nothing_is_overwritten_and_a_failed_backup_leaves_nothing(local_db: Db, tmp_path: Path) -> None:
    local_db["orders"].insert_one({"_id": 1})
    save(local_db, tmp_path / "b")
    before = (tmp_path / "b" / "manifest.json").read_bytes()
    with pytest.raises(DumpError, match="nothing is overwritten"):
        save(local_db, tmp_path / "b")
    assert (tmp_path / "b" / "manifest.json").read_bytes() == before
    with pytest.raises(DumpError, match="has no collection ordres"):
        save(local_db, tmp_path / "c", only=["ordres"])
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    (tmp_path / "c.part").mkdir()
    with pytest.raises(DumpError, match="interrupted"):
        save(local_db, tmp_path / "c")


def test_what_a_killed_backup_left_is_not_restored(local_db: Db, tmp_path: Path) -> None:
    """Files of its folder may be whole, and others missing."""
    local_db["orders"].insert_one({"_id": 1})
    save(local_db, tmp_path / "b")
    part = tmp_path / "b.part"
    (tmp_path / "b").rename(part)
    (part / "manifest.json").unlink()
    for folder in (part, part / "local", part / "local" / local_db.name):
        with pytest.raises(DumpError, match="of a backup that was interrupted"):
            open_dump(folder, Side.LOCAL, local_db.name)


def test_damage_is_found_before_anything_is_written(local_db: Db, tmp_path: Path) -> None:
    local_db["orders"].insert_one({"_id": 1, "x": "abc"})
    save(local_db, tmp_path / "b")
    data = tmp_path / "b" / "local" / local_db.name / "orders.bson"
    data.write_bytes(data.read_bytes().replace(b"abc", b"abd"))
    with pytest.raises(DumpError, match=r"orders\.bson has changed"):
        open_dump(tmp_path / "b", Side.LOCAL, local_db.name)
    data.unlink()
    with pytest.raises(DumpError, match=r"orders\.bson is missing"):
        open_dump(tmp_path / "b", Side.LOCAL, local_db.name)
    with pytest.raises(DumpError, match="no backup of the side atlas"):
        open_dump(tmp_path / "b", Side.ATLAS, local_db.name)


def test_syncs_own_collections_go_first_and_come_back_last(local_db: Db, tmp_path: Path) -> None:
    """A restore that is interrupted must not leave agreed pairs without their documents: those would seem
    deleted, and the deletions would be pushed."""
    for name in ("zebra", "_sync_metadata", "_sync_state", "orders"):
        local_db[name].insert_one({"_id": name})
    save(local_db, tmp_path / "b")
    local_db["orders"].insert_one({"_id": "new"})
    dump = open_dump(tmp_path / "b", Side.LOCAL, local_db.name)
    going = restore(local_db, dump, True)
    assert next(going).name == "orders"
    assert local_db.list_collection_names() == ["orders"], "all others were dropped, and are still to come"
    assert [one.name for one in going] == ["zebra", "_sync_state", "_sync_metadata"]


def test_a_file_that_is_cut_off_is_named(local_db: Db, tmp_path: Path) -> None:
    (tmp_path / "orders.metadata.json").write_text('{"indexes": []}')
    (tmp_path / "orders.bson").write_bytes(encode({"_id": 1}) + encode({"_id": 2})[:-3])
    with pytest.raises(DumpError, match=r"orders\.bson is truncated or damaged at byte 14"):
        bring_back(local_db, tmp_path)
    (tmp_path / "orders.metadata.json").write_text("{")
    with pytest.raises(DumpError, match="cannot be read"):
        read_metadata(tmp_path / "orders.metadata.json")


@pytest.mark.parametrize(
    ("names", "text"),
    [((), "holds no collections"), (("one", "two"), "several databases"), ((None,), "is not a folder")],
)
def test_another_folder_is_refused(tmp_path: Path, names: tuple[str | None, ...], text: str) -> None:
    folder = tmp_path / "dump"
    if None not in names:
        folder.mkdir()
    for name in names:
        if name:
            (folder / name).mkdir()
            (folder / name / "x.metadata.json").write_text("{}")
    with pytest.raises(DumpError, match=text):
        open_dump(folder, Side.LOCAL, "shop")


def run(device: Device, *arguments: str) -> tuple[int, str]:
    done = device.manage(*arguments)
    return done.returncode, done.stdout + done.stderr


def test_the_commands_and_an_active_listener(make_device: MakeDevice, tmp_path: Path) -> None:
    device = make_device()
    device.start()
    device.local["orders"].insert_many([{"_id": n, "v": 1} for n in range(10)])
    device.wait_until_settled()
    folder = str(tmp_path / "b")
    code, text = run(device, "sync_backup", "--side", "both", "--out", folder, "--gzip")
    assert code == 0, text
    last = text.strip().splitlines()[-1]
    assert last.startswith(f"Backed up to {folder}: local ")
    assert "; atlas " in last
    names = {path.name for path in (tmp_path / "b" / "local").rglob("*.bson.gz")}
    assert {"orders.bson.gz", "_sync_state.bson.gz", "_sync_metadata.bson.gz"} <= names
    code, text = run(device, "sync_backup", "--out", folder)
    assert code == 1
    assert "nothing is overwritten" in text

    code, text = run(device, "sync_restore", folder, "--side", "local", "--drop", "--yes")
    assert code == 1
    assert "is active: stop it first" in text

    device.stop()
    device.local["orders"].delete_many({})
    code, text = run(device, "sync_restore", folder, "--side", "local", "--drop")
    assert code == 1
    assert "give --yes" in text
    assert device.local["orders"].count_documents({}) == 0
    code, text = run(device, "sync_restore", folder, "--side", "local", "--drop", "--yes")
    assert code == 0, text
    assert "hashes verified" in text
    assert "At its next start sync detects" in text
    assert device.difference() == ""
    assert device.local["_sync_state"].count_documents({}) == 10
    ((detail,),) = device.rows("SELECT detail FROM syncapp_auditentry WHERE action = 'restore'")
    assert detail.startswith("local from ")

    code, text = run(device, "sync_restore", folder, "--side", "local", "--yes", "--json")
    rows = {row["collection"]: row for row in json.loads(text)["collections"]}
    assert (code, rows["orders"]["there"], rows["orders"]["restored"]) == (0, 10, 0)


def test_before_the_first_start_there_is_no_audit_log(
    local_db: Db, local_server: Mongod, tmp_path: Path
) -> None:
    local_db["orders"].insert_one({"_id": 1})
    save(local_db, tmp_path / "b")
    uri = local_server.uri(local_db.name)
    arguments = ("sync_restore", str(tmp_path / "b"), "--side", "local", "--drop", "--yes")
    done = manage(*arguments, home=tmp_path / "new", MONGODB_URI=uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert "audit" not in done.stdout


def test_a_dead_server_is_one_line(make_device: MakeDevice, tmp_path: Path) -> None:
    device = make_device()
    device.settings["MONGODB_URI"] = "mongodb://u:verysecret@127.0.0.1:1/shop"
    for arguments in (("sync_backup", "--out", str(tmp_path / "b")), ("sync_backup",)):
        code, text = run(device, *arguments)
        assert code == 1
        assert "Connection refused" in text
        assert "Traceback" not in text
        assert "verysecret" not in text
    assert list(tmp_path.glob("b*")) == []
