"""`sync_doctor` on real servers: sound ones, and each kind of trouble."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from syncapp.doctor.checks.times import EXACT_SINCE
from syncapp.embedded.mongod import Mongod, direct_client
from syncapp.embedded.redis import Redis
from syncapp.mongo.transaction_lifetime import PARAMETER
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.stand_alone import StandAlone
from tests.support.versions import version_of

DEAD = "127.0.0.1:1"


def doctor(device: Device, *arguments: str, **settings: str) -> tuple[int, str, list[dict[str, str]]]:
    """Exit status, "status", and findings."""
    done = device.manage("sync_doctor", "--json", *arguments, **settings)
    assert done.stdout.startswith("{"), done.stderr
    body = json.loads(done.stdout)
    return done.returncode, body["status"], body["findings"]


def of(findings: list[dict[str, str]], check: str, level: str) -> str:
    return "\n".join(
        f"{f['text']} {f['todo']}" for f in findings if (f["check"], f["level"]) == (check, level)
    )


class WithLogin(Mongod):
    """A replica set that asks for a login; its first user is made through the localhost exception."""

    def command(self) -> list[str]:
        key = self.folder / "key"
        if not key.exists():
            key.write_text("isthmus" * 20)
            key.chmod(0o600)
        return [*super().command(), "--keyFile", str(key)]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        config = {"_id": self.replica_set, "members": [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]}
        with direct_client(self.port) as client:
            while not _answers(client):
                self.check_alive(deadline)
                time.sleep(0.02)
            client.admin.command("replSetInitiate", config)
            eventually(lambda: client.admin.command("hello")["isWritablePrimary"], "it is primary")
            roles = [{"role": "root", "db": "admin"}]
            client.admin.command("createUser", "root", pwd="root", roles=roles)


def _answers(client: MongoClient[Any]) -> bool:
    try:
        return bool(client.admin.command("hello"))
    except Exception:
        return False


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mongod]:
    made = request.param(tmp_path / "server")
    made.start()
    yield made
    made.kill()


def test_sound_servers_before_and_while_sync_runs(make_device: MakeDevice) -> None:
    device = make_device()
    code, status, findings = doctor(device)
    assert (code, status) == (0, "ok"), findings
    assert "cannot" not in json.dumps(findings).replace("cannot be synchronised", "")
    device.start()
    code, status, findings = doctor(device)
    assert (code, status) == (0, "ok"), findings
    device.local["orders"].insert_one({"_id": 1})
    device.wait_until_settled()
    names = device.local.list_collection_names() + device.atlas.list_collection_names()
    assert not [name for name in names if name.startswith("_sync_doctor")], "the scratch collections are gone"


def test_it_is_a_list_to_read(make_device: MakeDevice) -> None:
    device = make_device()
    done = device.manage("sync_doctor", DJANGO_DEBUG="true")
    assert done.returncode == 1
    assert "✓ The local MongoDB is a replica set" in done.stdout
    assert "! DJANGO_DEBUG is on" in done.stdout
    assert "    → Set DJANGO_DEBUG=false" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 to fix, 1 warning"


def test_dead_servers_cost_a_line_each_and_the_others_are_looked_at(make_device: MakeDevice) -> None:
    device = make_device()
    started = time.monotonic()
    code, _, findings = doctor(
        device,
        MONGODB_ATLAS_URI=f"mongodb://till:verysecret@{DEAD}/shop",
        CELERY_BROKER_URL=f"redis://:verysecret@{DEAD}/0",
    )
    assert time.monotonic() - started < 60  # 5 s for each that is dead, however many checks need it
    assert code == 2
    assert "Atlas cannot be reached" in of(findings, "connections", "failed")
    assert "broker (Redis) cannot be reached" in of(findings, "broker", "failed")
    assert "The local MongoDB allows us to read" in of(findings, "privileges", "ok")
    assert sum(finding["level"] == "failed" for finding in findings) == 2
    assert "verysecret" not in json.dumps(findings)


def test_a_frozen_server_is_given_up_in_time(make_device: MakeDevice, tmp_path: Path) -> None:
    import signal

    device = make_device()
    server = Mongod(tmp_path / "frozen", oplog_mb=100)
    server.start()
    try:
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        code, _, findings = doctor(device, MONGODB_ATLAS_URI=server.uri("shop"))
        assert time.monotonic() - started < 60
        assert code == 2
        assert "Atlas cannot be reached" in of(findings, "connections", "failed")
    finally:
        server.kill()


@pytest.mark.parametrize("server", [StandAlone], indirect=True)
def test_a_stand_alone_server(make_device: MakeDevice, server: Mongod) -> None:
    code, _, findings = doctor(make_device(), MONGODB_URI=server.uri("shop"))
    assert code == 2
    assert "rs.initiate(" in of(findings, "servers", "failed")
    assert sum(finding["level"] == "failed" for finding in findings) == 1, "said once"


@pytest.mark.parametrize("server", [WithLogin], indirect=True)
def test_logins_that_may_not_enough(make_device: MakeDevice, server: Mongod) -> None:
    device = make_device()
    at = f"127.0.0.1:{server.port}/shop?directConnection=true&authSource=admin"
    with MongoClient[Any](f"mongodb://root:root@{at}") as client:
        client.admin.command("createUser", "till", pwd="pw", roles=[{"role": "read", "db": "shop"}])

        code, _, findings = doctor(device, MONGODB_URI=f"mongodb://till:pw@{at}")
        assert code == 2
        text = of(findings, "privileges", "failed")
        assert "'till' may not create collections, write, create indexes" in text
        assert 'grantRolesToUser("till", [{role: "readWrite", db: "shop"}])' in text

        client.admin.command("grantRolesToUser", "till", roles=[{"role": "readWrite", "db": "shop"}])
        code, _, findings = doctor(device, MONGODB_URI=f"mongodb://till:pw@{at}")
        assert "cannot be read with this login" in of(findings, "oplog", "note")
        if version_of(client) < EXACT_SINCE:
            assert code == 1, findings
            assert "this login may not read the oplog: times are known to the second only" in of(
                findings, "times", "warning"
            )
            client.admin.command("grantRolesToUser", "till", roles=[{"role": "read", "db": "local"}])
            code, _, findings = doctor(device, MONGODB_URI=f"mongodb://till:pw@{at}")
            assert "is read from the oplog, to the millisecond" in of(findings, "times", "ok")
        assert code == 0, findings

        actions = ["find", "insert", "update", "remove", "createCollection", "createIndex", "dropCollection",
                   "listIndexes", "changeStream"]  # fmt: skip
        resource = {"db": "shop", "collection": ""}
        client.admin.command(
            "createRole", "few", privileges=[{"resource": resource, "actions": actions}], roles=[]
        )
        client.admin.command("createUser", "bare", pwd="pw", roles=["few"])
        code, _, findings = doctor(device, MONGODB_URI=f"mongodb://bare:pw@{at}")
        assert code == 2
        failed = [finding["text"] for finding in findings if finding["level"] == "failed"]
        assert failed == ["The local MongoDB: the login 'bare' may not list collections"], (
            "one right, said once"
        )
        assert "may not read the free disk space" in of(findings, "disk", "note")

    code, _, findings = doctor(device, MONGODB_URI=f"mongodb://till:wrong@{at}")
    assert code == 2
    assert "refuses the login" in of(findings, "connections", "failed")
    code, _, findings = doctor(device, MONGODB_URI=f"mongodb://{at}")
    assert code == 2
    assert "without a login you may not" in of(findings, "privileges", "failed")


def test_an_oplog_that_rolls_over_too_soon(make_device: MakeDevice, tmp_path: Path) -> None:
    server = Mongod(tmp_path / "small", oplog_mb=4)
    server.start()
    try:
        with MongoClient[Any](server.uri("shop")) as client:
            for number in range(12):
                client["shop"]["big"].replace_one(
                    {"_id": 1}, {"n": number, "x": "x" * 1_000_000}, upsert=True
                )
        code, status, findings = doctor(make_device(), MONGODB_URI=server.uri("shop"))
        assert (code, status) == (1, "warning"), findings
        assert "replSetResizeOplog" in of(findings, "oplog", "warning")
    finally:
        server.kill()


def test_fix_lowers_the_transaction_lifetime(make_device: MakeDevice) -> None:
    device = make_device()
    admin = device.local.client.admin
    before = admin.command("getParameter", 1, **{PARAMETER: 1})[PARAMETER]
    admin.command("setParameter", 1, **{PARAMETER: 60})
    try:
        code, _, findings = doctor(device)
        assert code == 1
        assert "--fix" in of(findings, "lifetime", "warning")
        code, _, findings = doctor(device, "--fix")
        assert code == 0
        assert "Fixed" in of(findings, "lifetime", "ok")
        assert admin.command("getParameter", 1, **{PARAMETER: 1})[PARAMETER] == 20
    finally:
        admin.command("setParameter", 1, **{PARAMETER: before})


def test_what_the_databases_hold_is_looked_at(make_device: MakeDevice) -> None:
    device = make_device()
    device.local.create_collection("ring", capped=True, size=4096)
    device.local["orders"].create_index("number", unique=True)
    device.atlas.create_collection("orders", validator={"total": {"$gte": 0}})
    code, _, findings = doctor(device, BIDIRECTIONAL_EXCLUDED_COLLECTIONS="sesions")
    assert code == 1
    assert "ring is not synchronised. It is a capped collection" in of(findings, "refused", "note")
    assert "'sesions' matches no collection" in of(findings, "exclusions", "warning")
    assert "unique index" in of(findings, "differences", "warning")
    assert "validators of the two sides differ" in of(findings, "differences", "warning")


def test_a_database_named_twice_under_two_names(make_device: MakeDevice) -> None:
    device = make_device()
    same = device.settings["MONGODB_URI"].replace("127.0.0.1", "localhost")
    code, _, findings = doctor(device, MONGODB_ATLAS_URI=same)
    assert code == 2
    assert "the same database" in of(findings, "connections", "failed")


def test_a_broker_that_forgets(make_device: MakeDevice, tmp_path: Path) -> None:
    import redis

    server = Redis(tmp_path / "forgetful")
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
        code, _, findings = doctor(make_device(), CELERY_BROKER_URL=server.url)
        assert code == 1
        assert "noeviction" in of(findings, "broker", "warning")
    finally:
        server.kill()


def test_a_login_of_the_broker_that_may_not_ask_for_its_memory(
    make_device: MakeDevice, redis_server: Redis
) -> None:
    import redis

    device = make_device()
    host = redis_server.url.partition("://")[2]
    with redis.Redis.from_url(redis_server.url) as client:
        client.acl_setuser(
            "till", enabled=True, passwords=["+pw"], categories=["+@all"], commands=["-info", "-scan"],
            keys=["*"], channels=["*"],
        )  # fmt: skip
        try:
            code, _, findings = doctor(device, CELERY_BROKER_URL=f"redis://till:pw@{host}")
            assert code == 0, findings
            assert "answers" in of(findings, "broker", "ok")
            code, _, findings = doctor(device, CELERY_BROKER_URL=f"redis://till:wrong@{host}")
            assert "The broker (Redis) refuses the login" in of(findings, "broker", "failed")
        finally:
            client.acl_deluser("till")


def test_a_name_that_nobody_knows(make_device: MakeDevice) -> None:
    code, _, findings = doctor(make_device(), MONGODB_ATLAS_URI="mongodb+srv://cluster0.nowhere.invalid/shop")
    assert code == 2
    text = of(findings, "connections", "failed")
    assert "Atlas cannot be found" in text
    assert "Network Access" not in text
