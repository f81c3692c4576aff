"""Documents go on moving both ways while Django's database (PostgreSQL here) hangs or is away, also with a listener
and workers that start meanwhile; what could not be recorded is recorded when it is back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.processes import manage
from tests.support.relay import Relay
from tests.support.servers import started

REFUSED = {"$jsonSchema": {"bsonType": "object", "properties": {"total": {"bsonType": "int"}}}}


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with started(Postgres(), mortal=True) as server:
        yield server


@pytest.fixture
def network(postgres: Postgres) -> Iterator[Relay]:
    relay = Relay(postgres.port)
    yield relay
    relay.close()


def rows(postgres: Postgres, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.url("postgres")) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def move(device: Device, number: int, timeout: float = 12) -> None:
    device.local["orders"].insert_many({"_id": f"{number}-{n}"} for n in range(10))
    device.atlas["menu"].insert_many({"_id": f"{number}-{n}"} for n in range(10))
    device.wait_until_equal(timeout, without=["checked"])


@pytest.mark.timeout(240)
def test_documents_move_without_it_and_records_follow(
    make_device: MakeDevice, postgres: Postgres, network: Relay
) -> None:
    url = postgres.url("postgres").replace(str(postgres.port), str(network.port))
    device = make_device(DATABASE_URL=url)
    done = manage("migrate", "--verbosity", "0", home=device.home, **device.settings)
    assert done.returncode == 0, done.stderr
    device.start()
    device.atlas.create_collection("checked", validator=REFUSED)
    device.local["checked"].insert_one({"_id": "mended", "total": "many"})
    rejected = "SELECT document_id FROM syncapp_rejectedchange"
    eventually(lambda: rows(postgres, rejected) == [('"mended"',)], "one is rejected")
    move(device, 1)

    network.black_hole()
    move(device, 2)
    device.local["checked"].insert_one({"_id": "refused", "total": "many"})
    device.local["checked"].update_one({"_id": "mended"}, {"$set": {"total": 1}})
    eventually(lambda: device.atlas["checked"].find_one({"_id": "mended", "total": 1}), "it goes through")
    eventually(lambda: device.local["_sync_rejected"].find_one({"head": True}), "the other one is kept", 20)

    network.cut()
    device.kill_child()
    move(device, 3)

    network.heal()
    eventually(lambda: rows(postgres, rejected) == [('"refused"',)], "what stands is as it should be", 30)
    eventually(lambda: not device.local["_sync_rejected"].find_one({}), "nothing is left to be told")
    # What the killed process did not report is counted as skipped, when it is found to be done
    moved = "SELECT SUM(processed) FROM syncapp_metricminute"
    eventually(lambda: rows(postgres, moved)[0][0] >= 60, "what moved meanwhile is counted")

    network.cut()
    device.kill("listener")
    device.launch("listener")
    move(device, 4, timeout=30)
    found = manage("sync_doctor", home=device.home, **device.settings)
    assert "✗ Django's database cannot be reached" in found.stdout
    assert "Traceback" not in device.lines("listener")
    network.heal()
    back = dt.datetime.now(dt.UTC)
    seen = "SELECT seen_at FROM syncapp_instance"
    eventually(lambda: rows(postgres, seen)[0][0] > back, "the listener reports again", 30)
    move(device, 5)
