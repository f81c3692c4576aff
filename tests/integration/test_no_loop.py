"""Requirement 3: when the applications are quiet, nothing moves any more."""

from __future__ import annotations

import os
import random
import time
from typing import Any

from bson import Timestamp
from pymongo.database import Database

from tests.support.burst import Burst
from tests.support.device import Device, databases
from tests.support.history import History

WRITES = int(os.environ.get("SYNC_TEST_WRITES", "1000"))  # on each side
STILL_MOVING = ("_sync_batches", "_sync_state", "_sync_conflicts", "_sync_dirty")
QUIET_SECONDS = 4


def written_since(database: Database[Any], since: Timestamp) -> list[str]:
    """Names of the database's collections that the oplog names after `since`, in their order."""
    prefix = database.name + "."
    names = []
    for entry in database.client["local"]["oplog.rs"].find({"ts": {"$gt": since}}):
        operations = entry["o"].get("applyOps", [entry])
        names += [
            one["ns"].removeprefix(prefix) for one in operations if one.get("ns", "").startswith(prefix)
        ]
    return names


def newest(database: Database[Any]) -> Timestamp:
    (entry,) = database.client["local"]["oplog.rs"].find().sort("$natural", -1).limit(1)
    return entry["ts"]  # type: ignore[no-any-return]


def test_after_many_writes_and_quiet_nothing_moves_any_more(device: Device, rng: random.Random) -> None:
    history = History(device)
    burst = Burst(device, rng, WRITES, seconds=WRITES / 500)
    burst.start()
    burst.finish()
    device.wait_until_settled(40 + WRITES / 50)
    moved = history.check()
    assert min(moved["to local"], moved["to atlas"]) > WRITES / 4

    since = {side: newest(database) for side, database in databases(device).items()}
    time.sleep(QUIET_SECONDS)  # nothing is waited for: nothing may happen
    for side, database in databases(device).items():
        names = written_since(database, since[side])
        moving = [name for name in names if not name.startswith("_sync_") or name in STILL_MOVING]
        assert moving == [], f"{side} still moves"
    assert written_since(device.local, since["local"]), "the lease's renewals are seen, so writes would be"


def test_markers_expire_on_both_sides(device: Device) -> None:
    for database in (device.local, device.atlas):
        expiring = [
            index["expireAfterSeconds"]
            for index in database["_sync_batches"].list_indexes()
            if dict(index["key"]) == {"at": 1}
        ]
        assert expiring == [336 * 3600]
