"""Both servers ask for TLS and for logins, and the logins may do what docs/operations.md names and no more:
everything works all the same, and nothing is complained of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from syncapp.backup.backup import back_up
from syncapp.backup.restore import open_dump, restore
from syncapp.core.values import Side
from syncapp.store.heartbeat import read_kept
from tests.integration.conftest import Workshop
from tests.support.brokers import Broker
from tests.support.certificates import make_authority
from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.secured import SecuredMongod
from tests.support.servers import started


@pytest.fixture(scope="module")
def secured(
    migrated_home: Path, broker_server: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("secured")
    # Each side has an authority of its own, as an own server and Atlas do
    local_ca, atlas_ca = make_authority(folder / "local ca"), make_authority(folder / "atlas ca")
    local = SecuredMongod(folder / "local", local_ca, "local", wants_certificate=True)
    atlas = SecuredMongod(folder / "atlas", atlas_ca, "atlas")
    with started(local), started(atlas):
        yield Workshop(migrated_home, local, atlas, broker_server)


@pytest.fixture
def device(secured: Workshop, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Device]:
    device = secured.make(tmp_path / "device")
    yield device
    if getattr(request.node, "failed", False):
        print(device.tails())
    device.end()


def run(device: Device, *arguments: str, **settings: str) -> str:
    done = device.manage(*arguments, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_logins_may_do_no_more_than_they_must(secured: Workshop, device: Device) -> None:
    for database in databases(device).values():
        for command in ({"serverStatus": 1}, {"getParameter": "*"}, {"replSetGetStatus": 1}):
            with pytest.raises(OperationFailure, match="not authorized"):
                database.client.admin.command(command)
    plain = f"mongodb://127.0.0.1:{secured.atlas.port}/?directConnection=true"
    with (
        MongoClient[object](plain, serverSelectionTimeoutMS=500) as client,
        pytest.raises(ServerSelectionTimeoutError),
    ):
        client.admin.command("ping")


def test_the_whole_way_with_least_rights_and_tls(device: Device) -> None:
    for side, database in databases(device).items():
        database["shop"].insert_many([{"_id": f"{side} {n}", "v": n} for n in range(50)])
        database["shop"].insert_many([{"_id": n, "by": side} for n in range(2)])
    device.launch("listener", "worker")
    device.wait_for_line("listener", "The two databases hold different documents", 60)
    run(
        device,
        "sync_initial",
        "--differing",
        "atlas",
        "--only-local",
        "push",
        "--only-atlas",
        "pull",
    )
    device.wait_until_ready(60)
    device.wait_until_settled()
    assert device.local["shop"].count_documents({}) == 102
    assert device.local["shop"].find_one({"_id": 1}) == {"_id": 1, "by": "atlas"}

    for database in databases(device).values():
        for side in ("local", "atlas"):
            database[side].create_index("number", unique=True)
    for side, database in databases(device).items():
        database[side].insert_many([{"_id": n, "number": n} for n in range(20)])
        database["shop"].update_many({"_id": re.compile(f"{side} 2")}, {"$set": {"v": -1}})
        database["shop"].delete_many({"_id": re.compile(f"{side} 1")})
    device.wait_until_settled()
    kept = read_kept(device.local)
    eventually(lambda: read_kept(device.local).last not in (None, kept.last), "the heart beats", 30)

    found = json.loads(run(device, "sync_verify", "--json"))
    assert (found["state"], found["equal"]) == ("done", found["documents"])
    run(device, "sync_resync", "--json")
    assert device.rejected() == []

    findings = json.loads(run(device, "sync_doctor", "--json"))
    assert findings["status"] == "ok", findings
    health = json.loads(run(device, "sync_status", "--json"))
    assert health["health"] == "healthy", health


def test_a_changed_keep_time_needs_no_further_right(device: Device) -> None:
    device.start()
    device.stop("listener")
    device.settings["ORIGIN_TRACKING_KEEP_HOURS"] = "500"
    device.launch("listener")
    device.wait_until_ready()
    for database in databases(device).values():
        (index,) = (i for i in database["_sync_batches"].list_indexes() if "expireAfterSeconds" in i)
        assert index["expireAfterSeconds"] == 500 * 3600


def test_a_backup_comes_back_and_what_takes_more_rights_is_named(device: Device, tmp_path: Path) -> None:
    device.local.create_collection("checked", validator={"total": {"$gte": 0}})
    for name in ("checked", "more"):
        device.local[name].insert_one({"_id": 1, "total": 1})
    back_up({Side.LOCAL: device.local}, tmp_path / "backup")
    dump = open_dump(tmp_path / "backup", Side.LOCAL, device.local.name)
    restored = {one.name: one for one in restore(device.local, dump, drop=True)}
    assert {name: one.documents for name, one in restored.items()} == {"checked": 1, "more": 1}
    assert "collMod" in restored["checked"].problems[0]
    assert restored["more"].problems == []
