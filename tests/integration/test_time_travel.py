"""A database that goes back in time: Atlas restored from a backup, the local database likewise, a device
copied with its disk. It is noticed, transfers stop, and each answer does what it says."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncapp.embedded.mongod import Mongod
from syncapp.store.halts import Answer, Kind, answer_halt, load_halts
from syncapp.store.heartbeat import Kept, read_kept
from tests.integration.conftest import Workshop
from tests.support.brokers import new_broker, place
from tests.support.device import Addresses, Device
from tests.support.eventually import eventually
from tests.support.raw import contents

NAME = "orders"


class Servers:
    """Servers of which a backup is made as one makes one of a disk, and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = Mongod(folder / "local", replica_set="local", oplog_mb=100)
        self.atlas = Mongod(folder / "atlas", replica_set="atlas", oplog_mb=100)
        self.broker = new_broker(folder / "broker")

    def back_up(self, server: Mongod) -> Path:
        server.stop()
        backup = self.folder / f"backup {time.monotonic_ns()}"
        shutil.copytree(server.folder / "data", backup)
        server.start()
        return backup

    def restore(self, server: Mongod, backup: Path) -> None:
        server.kill()
        shutil.rmtree(server.folder / "data")
        shutil.copytree(backup, server.folder / "data")
        server.start()

    def __enter__(self) -> Servers:
        for server in (self.local, self.atlas, self.broker):
            server.start()
        return self

    def __exit__(self, *rest: object) -> None:
        for server in (self.local, self.atlas, self.broker):
            server.kill()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with Servers(tmp_path / "servers") as servers:
        yield servers


@pytest.fixture
def device(servers: Servers, migrated_home: Path, tmp_path: Path) -> Iterator[Device]:
    workshop = Workshop(migrated_home, servers.local, servers.atlas, servers.broker)
    device = workshop.make(tmp_path / "device")
    device.keep_running = True
    try:
        yield device
    finally:
        print(device.tails())
        device.end()


def v(database: Any) -> dict[str, int]:
    return {one["_id"]: one["v"] for one in database[NAME].find()}


def begin(device: Device) -> None:
    """What is there when the backup is made."""
    device.local[NAME].insert_many(
        [{"_id": f"{act} {n}", "v": 1} for n in range(20) for act in ("stays", "changes", "goes")]
    )
    device.start()
    device.wait_until_settled()


def go_on(device: Device) -> None:
    """What happens after the backup was made, on both sides; until the heartbeat was raised: only by that is
    it seen that a database is older."""
    before = read_kept(device.local)
    for n in range(20):
        database = device.local if n % 2 else device.atlas
        database[NAME].update_one({"_id": f"changes {n}"}, {"$set": {"v": 2}})
        database[NAME].delete_one({"_id": f"goes {n}"})
        database[NAME].insert_one({"_id": f"comes {n}", "v": 2})
    device.wait_until_settled()
    eventually(lambda: has_beaten(device, before), "the heartbeat was raised on both sides", timeout=30)


def has_beaten(device: Device, before: Kept) -> bool:
    kept = read_kept(device.local)
    return kept.last not in (before.last, before.coming, None) and kept.coming is None


BACKUP = {f"{act} {n}": 1 for n in range(20) for act in ("stays", "changes", "goes")}
NEWEST = {f"{act} {n}": v for n in range(20) for act, v in (("stays", 1), ("changes", 2), ("comes", 2))}


def wait_for_halt(device: Device, kind: Kind) -> str:
    eventually(lambda: load_halts(device.local), f"{kind} is noticed", timeout=60)
    (halt,) = load_halts(device.local)
    assert halt.kind is kind
    return halt.id


def answer(device: Device, halt: str, what: Answer) -> None:
    assert answer_halt(device.local, halt, what, "an operator")
    eventually(lambda: not load_halts(device.local), "the answer is carried out", timeout=60)
    device.wait_until_settled(90)


def losers(device: Device) -> dict[str, str]:
    """`_id` → which side's version lost."""
    return {
        row["document_id"].strip('"'): "atlas" if row["winner"] == "local" else "local"
        for row in device.conflicts()
    }


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("what", "running"), [(Answer.KEEP_LOCAL, True), (Answer.TAKE_ATLAS, False)])
def test_atlas_restored_from_a_backup(servers: Servers, device: Device, what: Answer, running: bool) -> None:
    begin(device)
    backup = servers.back_up(servers.atlas)
    go_on(device)
    assert v(device.local) == NEWEST
    before = contents(device.local)
    if not running:
        device.stop()
    servers.restore(servers.atlas, backup)
    if not running:
        device.launch("listener", "worker")
    # Life goes on meanwhile: neither change may be lost, nor bring an older version along
    device.local[NAME].insert_one({"_id": "new here", "v": 3})
    device.local[NAME].update_one({"_id": "changes 1"}, {"$set": {"v": 3}})
    device.atlas[NAME].insert_one({"_id": "new there", "v": 3})
    halt = wait_for_halt(device, Kind.ATLAS_RESTORED)
    time.sleep(3)
    assert v(device.local) == NEWEST | {"new here": 3, "changes 1": 3}, "nothing is pulled"
    assert v(device.atlas) == BACKUP | {"new there": 3}, "nothing is pushed"
    assert before.keys() == contents(device.local).keys()

    answer(device, halt, what)
    here = NEWEST | {"changes 1": 3}
    expected = (here if what is Answer.KEEP_LOCAL else BACKUP) | {"new here": 3, "new there": 3}
    assert v(device.local) == v(device.atlas) == expected
    side = "atlas" if what is Answer.KEEP_LOCAL else "local"
    assert losers(device) == {f"{act} {n}": side for n in range(20) for act in ("changes", "goes", "comes")}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("what", "running"), [(Answer.TAKE_ATLAS, True), (Answer.KEEP_LOCAL, False)])
def test_the_local_database_restored_from_a_backup(
    servers: Servers, device: Device, what: Answer, running: bool
) -> None:
    begin(device)
    backup = servers.back_up(servers.local)
    go_on(device)
    if not running:
        device.stop()
    servers.restore(servers.local, backup)
    if not running:
        device.launch("listener", "worker")
    device.local[NAME].insert_one({"_id": "new here", "v": 3})
    device.atlas[NAME].insert_one({"_id": "new there", "v": 3})
    halt = wait_for_halt(device, Kind.LOCAL_RESTORED)
    time.sleep(3)
    assert v(device.local) == BACKUP | {"new here": 3}, "nothing is pulled"
    assert v(device.atlas) == NEWEST | {"new there": 3}, "nothing is pushed"

    answer(device, halt, what)
    comes = {key: v for key, v in NEWEST.items() if key.startswith("comes")}  # unknown to the backup
    expected = NEWEST if what is Answer.TAKE_ATLAS else BACKUP | comes
    assert v(device.local) == v(device.atlas) == expected | {"new here": 3, "new there": 3}
    if what is Answer.TAKE_ATLAS:
        assert losers(device) == {}, "what the backup held is an ancestor of what Atlas holds"
    else:
        assert set(losers(device).values()) == {"atlas"}
        assert len(losers(device)) == 40


@pytest.mark.timeout(240)
def test_a_device_that_is_copied_with_its_disk_becomes_a_device_of_its_own(
    servers: Servers, device: Device, migrated_home: Path, tmp_path: Path
) -> None:
    begin(device)
    device.stop()
    copied = Mongod(tmp_path / "copy", replica_set="local", oplog_mb=100)
    shutil.copytree(servers.back_up(servers.local), copied.folder / "data")
    copied.start()
    database = device.local.name
    addresses = Addresses(
        copied.uri(database), servers.atlas.uri(device.atlas.name), place(servers.broker, 9)
    )
    second = Device(tmp_path / "second", addresses, migrated_home)
    try:
        assert second.instance_id == device.instance_id
        device.launch("listener", "worker")
        device.wait_until_ready()
        device.local[NAME].insert_one({"_id": "from the first", "v": 2})
        second.launch("listener", "worker")
        halted = eventually_halted([device, second])
        halt = load_halts(halted.local)[0]
        assert halt.kind in (Kind.LOCAL_RESTORED, Kind.DEVICE_COPIED)
        answer(halted, halt.id, Answer.NEW_ID)
        assert second.instance_id != device.instance_id
        second.local[NAME].insert_one({"_id": "from the second", "v": 3})
        for one in (device, second):
            one.wait_until_settled(60)
        expected = BACKUP | {"from the first": 2, "from the second": 3}
        assert v(device.local) == v(second.local) == v(device.atlas) == expected
    finally:
        print(second.tails())
        second.end()
        copied.kill()


@pytest.mark.timeout(240)
def test_a_heartbeat_that_somebody_else_raises_halts_a_running_device(device: Device) -> None:
    begin(device)
    before = device.instance_id
    devices = device.atlas["_sync_devices"]
    assert devices.update_one(
        {"_id": before}, {"$inc": {"counter": 1}, "$set": {"nonce": "a copy's"}}
    ).matched_count
    halt = wait_for_halt(device, Kind.DEVICE_COPIED)
    device.local[NAME].insert_one({"_id": "here", "v": 2})
    device.atlas[NAME].insert_one({"_id": "there", "v": 2})
    time.sleep(3)
    assert v(device.local) == BACKUP | {"here": 2}, "nothing is pulled"
    assert v(device.atlas) == BACKUP | {"there": 2}, "nothing is pushed"
    answer(device, halt, Answer.TAKE_ATLAS)
    assert v(device.local) == v(device.atlas) == BACKUP | {"here": 2, "there": 2}
    assert device.instance_id == before
    assert losers(device) == {}


def eventually_halted(devices: list[Device]) -> Device:
    eventually(lambda: any(load_halts(one.local) for one in devices), "the copy is noticed", timeout=60)
    return next(one for one in devices if load_halts(one.local))
