"""What an older version left is taken over: nothing that waits is lost, nothing is compared, and the way back is closed.

Resume tokens of another server say nothing here, so the test takes them anew before the backlog is written.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.store.format import VERSION
from tests.integration.conftest import MakeDevice
from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.made_before import fill, write_django_database

HALT = "mass-delete:atlas:purged"
WAITING = ("purged", "shelf", "stock")  # a halt, open conflicts and rejected changes: they differ for now


def keep_place(device: Device) -> None:
    for name, database in databases(device).items():
        with database.watch() as stream:
            stream.try_next()
            token = {"_id": f"{name}-resume-token", "token": stream.resume_token}
        device.local["_sync_metadata"].insert_one(token)


def write_backlog(local: Database[Any], atlas: Database[Any]) -> None:
    """On documents that the older version had agreed on, and on new ones."""
    for database, first in ((local, 0), (atlas, 10)):
        database["menu"].update_many(
            {"_id": {"$gte": first, "$lt": first + 5}}, {"$set": {"who": database.name}}
        )
        database["menu"].delete_one({"_id": first + 5})
        database["fresh"].insert_many({"_id": f"{database.name} {number}"} for number in range(200))


def forget_what_layout_2_added(device: Device) -> None:
    """As the versions before it wrote: no position of what was seen, and no version."""
    device.local["_sync_state"].update_many({}, {"$unset": {"q": 1}})
    device.local["_sync_batches"].update_many({"landed": {"$exists": True}}, {"$set": {"landed": True}})
    device.local["_sync_metadata"].delete_one({"_id": "format"})


@pytest.fixture
def device(make_device: MakeDevice) -> Device:
    device = make_device(DATABASE_URL="")
    fill(device.local, device.atlas)
    write_django_database(device.home / "isthmus.sqlite3")
    return device


def migrations(device: Device) -> int:
    """Of the product, that Django's database has. It is whole, with what waits for an operator."""
    with contextlib.closing(sqlite3.connect(device.home / "isthmus.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        waits = connection.execute("SELECT COUNT(*) FROM syncapp_conflict WHERE winner = 'open'")
        assert waits.fetchone() == (2,)
        done = connection.execute("SELECT COUNT(*) FROM django_migrations WHERE app = 'syncapp'")
        return int(done.fetchone()[0])


def test_an_upgrade_that_is_killed_again_and_again_is_finished(device: Device) -> None:
    """Each time when a migration is done, somewhere in the next: each is whole, or is not there."""
    killed = 0
    while True:
        before = migrations(device)
        process = device.start_manage("sync_setup", output=device.home / "setup.log")
        while migrations(device) == before and process.poll() is None:
            time.sleep(0.005)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        killed += 1
    assert killed >= 2, (device.home / "setup.log").read_text()
    take_over(device)
    assert count(device, "conflict", "winner <> 'open'") == 4


def count(device: Device, table: str, condition: str = "1 = 1") -> int:
    (row,) = device.rows(f"SELECT COUNT(*) FROM syncapp_{table} WHERE {condition}")
    return int(row[0])


def runs(device: Device) -> list[str]:
    return sorted(one["_id"] for one in device.local["_sync_runs"].find())


def take_over(device: Device) -> None:
    """The newer version goes on where the older one stopped."""
    before = runs(device)
    keep_place(device)
    write_backlog(device.local, device.atlas)
    done = device.manage("sync_setup")
    assert done.returncode == 0, done.stderr
    device.start()

    device.wait_until_equal(without=WAITING)
    device.wait_until_idle()
    assert device.local["menu"].count_documents({}) == 18
    assert device.local["fresh"].count_documents({}) == 400
    assert runs(device) == before, "nothing had to be compared"
    assert device.local["_sync_metadata"].find_one({"_id": "format"}) == {"_id": "format", "version": VERSION}


def test_what_layout_1_left_is_taken_over(device: Device) -> None:
    forget_what_layout_2_added(device)
    take_over(device)


def test_what_layout_2_left_is_taken_over_and_finished(device: Device) -> None:
    before = runs(device)
    take_over(device)
    assert device.local["purged"].count_documents({}) == 30, "it is halted still"
    assert count(device, "conflict", "winner = 'open' AND resolved_at IS NULL") == 2
    assert count(device, "conflict", "winner <> 'open'") == 4
    assert count(device, "rejectedchange") == 2
    eventually(lambda: count(device, "comparisonrun", "state = 'done'") == len(before), "the runs are there")
    finish_what_waited(device)
    refuse_a_newer_layout(device)


def finish_what_waited(device: Device) -> None:
    """Records of the older version can be acted upon."""
    device.console.run(
        "from syncapp.services.conflicts import resolve\n"
        "from syncapp.core.values import Side\n"
        "from syncapp.models import Conflict\n"
        "for one in Conflict.objects.filter(winner='open', resolved_at=None):\n"
        "    resolve(one, Side.LOCAL)"
    )
    device.atlas.command("collMod", "stock", validator={})
    for arguments in (
        ("sync_rejected", "retry", "--code", "121"),
        ("sync_halts", "answer", HALT, "bring-back"),
    ):
        done = device.manage(*arguments)
        assert done.returncode < 2, done.stdout + done.stderr
    device.wait_until_equal()
    assert device.atlas["stock"].count_documents({}) == 6
    assert device.atlas["purged"].count_documents({}) == 30
    assert {one["who"] for one in device.atlas["shelf"].find({"_id": {"$in": [30, 31]}})} == {"local"}


def refuse_a_newer_layout(device: Device) -> None:
    device.stop()
    device.local["_sync_metadata"].update_one({"_id": "format"}, {"$set": {"version": VERSION + 1}})
    device.launch("listener")
    device.wait_for_line("listener", "A newer Isthmus has used this local database")
    assert "Traceback" not in device.lines("listener")
