"""Atlas is down while a local application writes on: no process grows with what waits, since the local oplog
is the queue, and all of it goes up afterwards. SYNC_TEST_OUTAGE_WRITES sets the size (200000 at full size;
then with the product's own limit of keys in memory). And what goes first passes what waits, on both sides."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import InsertOne, ReplaceOne
from pymongo.database import Database

from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.memory import peak_mb

IN_CI = 5_000
WRITES = int(os.environ.get("SYNC_TEST_OUTAGE_WRITES", str(IN_CI)))
# Many more keys than the listener may hold, also in CI
MOST_KEYS = 1_000 if WRITES <= IN_CI else int(os.environ.get("SYNC_TEST_MOST_KEYS", "20000"))
PAYMENTS = 120  # on each side; fewer than a quarter of these keys in all
PEAK_MB = {"listener": 200, "worker": 200}


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("outage"), oplog_mb=990) as workshop:
        yield replace(workshop, forks=False)  # the memory of a process that is forked is not its own


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("device")
    with own.running(folder, SYNC_MAX_DIRTY_KEYS=str(MOST_KEYS)) as device:
        yield device


def peaks(device: Device) -> dict[str, float]:
    listener, worker = device.pid("listener"), device.pid("worker")
    found = {"listener": peak_mb(listener), "worker": peak_mb(worker)}
    return found | {f"worker child {n}": peak_mb(pid) for n, pid in enumerate(device.children())}


def pending(device: Device) -> int:
    return int(device.reported("queue_size") or 0)


@pytest.mark.timeout(180 + WRITES / 50)
def test_what_waits_for_atlas_takes_no_memory_and_arrives(
    own: Workshop, device: Device, rng: random.Random
) -> None:
    before = peaks(device)
    own.atlas.kill()
    collection = device.local["tickets"]
    for start in range(0, WRITES, 1_000):
        inserts = [InsertOne({"_id": f"ticket {n}", "v": 0}) for n in range(start, start + 1_000)]
        changed = [f"ticket {rng.randrange(start + 1_000)}" for _ in range(100)]
        replaces = [ReplaceOne({"_id": key}, {"v": 1, "text": "x" * 100}) for key in changed]
        collection.bulk_write([*inserts, *replaces])
    full = min(MOST_KEYS, WRITES)
    eventually(lambda: pending(device) >= full, "the listener has read as much as it may hold", 120, 0.2)
    held = pending(device)
    assert held <= MOST_KEYS + 1_000, "what waits is not bounded"
    during = peaks(device)

    started = time.monotonic()
    own.atlas.start()
    everything = {"_id": {"$regex": "^ticket"}}
    eventually(
        lambda: device.atlas["tickets"].estimated_document_count() == WRITES,
        "all is there",
        60 + WRITES / 200,
        0.2,
    )
    drained = time.monotonic() - started
    device.wait_until_settled(60 + WRITES / 200)
    assert device.atlas["tickets"].count_documents(everything) == WRITES
    after = peaks(device)
    print(
        f"{held} keys held; {WRITES} documents were there {drained:.1f} s after Atlas came back; peaks in MB:"
    )
    for name in after:
        print(
            f"  {name}: {before.get(name, 0):.0f} at first, {during[name]:.0f} while away, {after[name]:.0f} in all"
        )
    assert after["listener"] < PEAK_MB["listener"]
    assert all(peak < PEAK_MB["worker"] for name, peak in after.items() if name != "listener")


def rule(device: Device, pattern: str, urgency: str) -> None:
    device.console.run(
        "from syncapp.models import CollectionRule\n"
        "from syncapp.rules.switches import raise_version\n"
        f"document = {{'pattern': {pattern!r}, 'urgency': {urgency!r}}}\n"
        f"CollectionRule.objects.create(pattern={pattern!r}, document=document)\n"
        "raise_version()"
    )


def written_before(database: Database[Any], name: str, other: str) -> int:
    """How many documents of a collection were inserted before the last one of another, by the server's oplog."""
    found: list[str] = []
    spaces = {f"{database.name}.{one}" for one in (name, other)}
    wanted = {"$or": [{"ns": {"$in": [*spaces]}}, {"o.applyOps.ns": {"$in": [*spaces]}}]}
    for entry in database.client["local"]["oplog.rs"].find(wanted).sort("$natural"):
        writes = entry["o"].get("applyOps", [entry])
        found += [write["ns"] for write in writes if write["op"] == "i" and write["ns"] in spaces]
    last = len(found) - found[::-1].index(f"{database.name}.{other}")
    return found[:last].count(f"{database.name}.{name}")


def test_what_goes_first_passes_what_waits_on_both_sides(device: Device) -> None:
    """The worker is frozen as long as the listener has read as much as it may hold."""
    for pattern, urgency in (("payments", "first"), ("analytics", "last")):
        rule(device, pattern, urgency)
    device.wait_until_idle()
    device.signal("worker", signal.SIGSTOP)
    try:
        for child in device.children():
            os.kill(child, signal.SIGSTOP)
        device.local["analytics"].insert_many([{"_id": n} for n in range(5 * MOST_KEYS)])
        eventually(lambda: pending(device) >= MOST_KEYS, "the listener has read as much as it may hold", 30)
        held = pending(device) + 2 * PAYMENTS
        for side, database in (("local", device.local), ("atlas", device.atlas)):
            database["payments"].insert_many([{"_id": f"{side} {n}"} for n in range(PAYMENTS)])
        eventually(lambda: pending(device) >= held, "the payments are read, past all the rest", 30)
    finally:
        for pid in (device.pid("worker"), *device.children()):
            os.kill(pid, signal.SIGCONT)
    device.wait_until_settled()
    before = written_before(device.atlas, "analytics", "payments")
    assert before < 2.5 * MOST_KEYS, "the payments came after most of what they were to pass"
