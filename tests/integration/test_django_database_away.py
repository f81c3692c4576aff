"""Documents go on moving both ways while Django's database (PostgreSQL here) hangs, is frozen or away, also with a
listener and workers that start meanwhile; what could not be recorded is recorded when it is back, and whoever asks
meanwhile is answered."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from syncapp.embedded.ports import free_port
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.parts import POSTGRES, need
from tests.support.postgres import Postgres
from tests.support.relay import Relay
from tests.support.servers import started

REFUSED = {"$jsonSchema": {"bsonType": "object", "properties": {"total": {"bsonType": "int"}}}}


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    need(POSTGRES)
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
    done = device.manage("migrate", "--verbosity", "0")
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
    eventually(lambda: (rows(postgres, moved)[0][0] or 0) >= 60, "what moved meanwhile is counted")

    network.cut()
    device.kill("listener")
    device.launch("listener")
    move(device, 4, timeout=90)
    found = device.manage("sync_doctor")
    assert "✗ Django's database cannot be reached" in found.stdout
    assert "Traceback" not in device.lines("listener")
    network.heal()
    back = dt.datetime.now(dt.UTC)
    seen = "SELECT seen_at FROM syncapp_instance"
    eventually(lambda: any(at > back for (at,) in rows(postgres, seen)), "the listener reports again", 30)
    move(device, 5)


Answer = tuple[int, str]


def ask(device: Device, address: str, accept: str = "application/json", patience: float = 15) -> Answer:
    """Status and body. Raises OSError if there is none for so long."""
    url = f"http://127.0.0.1:{device.settings['PORT']}{address}"
    # With a session it has to be looked up who asks
    headers = {"Accept": accept, "Cookie": f"sessionid={'x' * 32}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def is_well(device: Device) -> bool:
    try:
        return ask(device, "/api/health")[0] == 200
    except OSError:
        return False


SENT = "Sending due task"
HEALTH = "/api/sync/bidirectional/health"
SCRIPTS = (HEALTH, "/api/sync/bidirectional/metrics", "/api/health", "/metrics", "/monitoring/dashboard")


def is_named(device: Device) -> None:
    """Health, dashboard, status and doctor say that it is down. With `-s` what they say is printed."""
    health, page = ask(device, HEALTH), ask(device, "/monitoring/dashboard", "text/html")
    status = device.manage("sync_status")
    doctor = device.manage("sync_doctor")
    found = next(line for line in doctor.stdout.splitlines() if "Django's database" in line)
    print(f"health {health} | dashboard {page[0]} | {status.stdout.strip()} | {found}")
    assert (health[0], page[0], status.returncode) == (503, 503, 2)
    assert "Django's database cannot be reached" in health[1]
    assert "Django&#x27;s database cannot be reached" in page[1]
    assert "Django's database cannot be reached" in status.stdout
    assert "✗ Django's database cannot be reached" in found


@pytest.mark.timeout(240)
def test_a_frozen_one_holds_up_neither_documents_nor_answers(
    make_device: MakeDevice, postgres: Postgres
) -> None:
    device = make_device(
        DATABASE_URL=postgres.url("postgres"),
        PORT=str(free_port()),
        SYNC_API_PUBLIC_READ="true",
        ORIGIN_TRACKING_CLEANUP_INTERVAL="1000",
    )
    done = device.manage("sync_setup")
    assert done.returncode == 0, done.stderr
    device.start()
    device.launch("web", "beat")
    eventually(lambda: is_well(device), "the web process answers")
    assert ask(device, "/metrics")[0] == 200
    device.wait_for_line("beat", SENT, 30)
    move(device, 1)

    with postgres.frozen():
        move(device, 2)
        with ThreadPoolExecutor(len(SCRIPTS) * 4) as pool:  # more than it has threads
            answers = list(pool.map(lambda address: ask(device, address), SCRIPTS * 4))
        assert {status for status, _ in answers} == {503}
        assert all(json.loads(body) for _, body in answers)
        is_named(device)
        device.wait_for_line("beat", "has not answered", 60)
        device.kill("listener")
        device.launch("listener")
        move(device, 3, timeout=30)

    back = dt.datetime.now(dt.UTC)
    eventually(lambda: is_well(device), "the web process answers again", 30)
    eventually(lambda: ask(device, HEALTH)[0] == 200, "health is known again", 30)
    seen = "SELECT seen_at FROM syncapp_instance"
    eventually(lambda: any(at > back for (at,) in rows(postgres, seen)), "the listener reports again", 30)
    device.wait_for_line("beat", SENT, 60, times=device.lines("beat").count(SENT) + 1)
    move(device, 4)

    postgres.kill()
    is_named(device)
    move(device, 5)
    postgres.start()
    eventually(lambda: ask(device, HEALTH)[0] == 200, "it is said no more", 30)
    move(device, 6)
    for name in ("web", "beat", "listener", "worker"):
        assert device.is_running(name), device.tail(name)
