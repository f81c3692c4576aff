"""A local server that is no replica set: what is to be done is said in health and by the doctor for the system that it
runs on, and sync begins by itself when it is done. With `-s` the lines and the times are printed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure

from syncapp.embedded.mongod import direct_client
from syncapp.mongo import replica_set
from syncapp.mongo.replica_set import Standing
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.relay import Relay
from tests.support.servers import started
from tests.support.stand_alone import StandAlone

STARTED_FOR_A_SET = "replication: {replSetName: rs0}\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandAlone]:
    with started(StandAlone(tmp_path / "server")) as server:
        yield server


def run(device: Device, command: str, *arguments: str) -> str:
    done = device.manage(command, *arguments)
    print(done.stdout)
    return done.stdout


def reasons(device: Device) -> str:
    done = device.manage("sync_status", "--json")
    return str([reason["text"] for reason in json.loads(done.stdout)["reasons"]])


def restart(server: StandAlone, config: str) -> None:
    server.stop()
    server.config_file.write_text(server.config_file.read_text() + config)
    server.start()


def test_from_a_stand_alone_server_with_data_to_sync(make_device: MakeDevice, server: StandAlone) -> None:
    device = make_device(MONGODB_URI=f"mongodb://127.0.0.1:{server.port}/shop")
    device.local["orders"].insert_many([{"_id": number} for number in range(100)])
    device.launch("listener", "worker")
    began = time.monotonic()
    eventually(lambda: "names a stand-alone server" in reasons(device), "health says what is wrong", 20)
    said = reasons(device)
    assert f"Add to {server.config_file} the line `{STARTED_FOR_A_SET.strip()}`" in said
    assert "sudo systemctl restart mongod" in said
    assert "manage.py sync_doctor --fix" in said

    found = run(device, "sync_doctor", "--fix")
    assert "Fixed: the local server's replica set" not in found, "a restart is the operator's"
    line = re.search(r"→ 1\. Add to (\S+) the line `(.+)`\.", found)
    assert line is not None
    assert line.group(1) == str(server.config_file)

    restart(server, line.group(2) + "\n")
    eventually(lambda: "was not initiated yet" in reasons(device), "health says what is left", 20)
    assert "sync_doctor --fix" in run(device, "sync_doctor")

    assert f"rs0 was initiated with one member, 127.0.0.1:{server.port}" in run(
        device, "sync_doctor", "--fix"
    )
    mended = time.monotonic()
    device.wait_until_settled(40)
    assert device.atlas["orders"].count_documents({}) == 100
    assert "stand-alone" not in reasons(device)
    print(
        f"synchronised {time.monotonic() - mended:.1f} s after it was mended, all took {mended - began:.1f} s"
    )


def test_a_set_that_is_initiated_is_left_alone(make_device: MakeDevice) -> None:
    device = make_device()
    before = device.local.client.admin.command("replSetGetConfig")["config"]
    assert "Fixed: the local server's replica set" not in run(device, "sync_doctor", "--fix")
    assert device.local.client.admin.command("replSetGetConfig")["config"] == before


def test_a_server_that_does_not_know_itself_by_that_name_is_not_initiated(
    make_device: MakeDevice, server: StandAlone
) -> None:
    """As in a container whose port is another one outside."""
    restart(server, STARTED_FOR_A_SET)
    with started(StandAlone(server.folder.with_name("other"))) as other:
        node = replica_set.ask(f"mongodb://127.0.0.1:{server.port}/shop")
        assert node is not None
        uri = f"mongodb://127.0.0.1:{server.port}/shop"
        with pytest.raises(OperationFailure) as refused:
            replica_set.initiate(uri, replace(node, address=f"127.0.0.1:{other.port}"))
    assert refused.value.code == 93


def test_members_whose_names_lead_nowhere(server: StandAlone) -> None:
    restart(server, STARTED_FOR_A_SET)
    relay = Relay(server.port)
    try:
        uri = f"mongodb://127.0.0.1:{relay.port}/shop"
        node = replica_set.ask(uri)
        assert node is not None
        assert node.standing is Standing.NOT_INITIATED
        replica_set.initiate(uri, node)
    finally:
        relay.close()
    lost = replica_set.ask(server.uri("shop").partition("?")[0])
    assert lost is not None
    assert lost.standing is Standing.UNREACHABLE_NAMES
    assert f"127.0.0.1:{relay.port}" in replica_set.problem(lost, "MONGODB_URI")
    assert "directConnection=true" in " ".join(replica_set.steps(lost, "MONGODB_URI"))

    server.stop()
    server.start()
    with direct_client(server.port) as client:
        eventually(lambda: "setName" not in client.admin.command("hello"), "it does not find itself")
    renamed = replica_set.ask(server.uri("shop"))
    assert renamed is not None
    assert renamed.standing is Standing.RENAMED
    command = replica_set.steps(renamed, "MONGODB_URI")[0]
    assert f'host = "127.0.0.1:{server.port}"; rs.reconfig(cfg, {{force: true}})' in command


def test_another_name_than_the_uri_says(server: StandAlone) -> None:
    uri = f"mongodb://127.0.0.1:{server.port}/shop"
    alone = replica_set.ask(f"{uri}?replicaSet=mine")
    assert alone is not None
    assert alone.standing is Standing.STAND_ALONE
    assert "replSetName: mine" in replica_set.steps(alone, "MONGODB_URI")[0]
    restart(server, STARTED_FOR_A_SET)
    node = replica_set.ask(uri)
    assert node is not None
    replica_set.initiate(uri, node)
    other = replica_set.ask(f"{uri}?replicaSet=mine")
    assert other is not None
    assert other.standing is Standing.OTHER_NAME
    assert "replicaSet=rs0" in replica_set.explained(other, "MONGODB_URI")
