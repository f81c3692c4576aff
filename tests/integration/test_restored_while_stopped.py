"""A backup that is put back while sync is stopped: one question, and its answer covers all that led to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncapp.backup.backup import back_up
from syncapp.backup.restore import open_dump, restore
from syncapp.core.values import Side
from syncapp.store.halts import Answer, Kind, answer_halt, load_halts
from syncapp.store.heartbeat import Beat, read_kept
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.raw import contents

NAMES = ("bills", "guests", "menu")


def answer(device: Device, kind: Kind, what: Answer) -> None:
    eventually(lambda: load_halts(device.local), "it is asked", timeout=40)
    (halt,) = load_halts(device.local)
    assert halt.kind is kind
    assert answer_halt(device.local, halt.id, what, "an operator")
    eventually(lambda: not load_halts(device.local), "the answer is carried out", timeout=60)


def wait_for_beat(device: Device, before: Beat | None) -> None:
    """What was transferred is followed by one."""
    eventually(lambda: read_kept(device.local).last not in (before, None), "a heartbeat", timeout=20)


@pytest.mark.timeout(240)
def test_a_restore_that_drops_asks_once_and_takes_what_atlas_holds(
    make_device: MakeDevice, tmp_path: Path
) -> None:
    device = make_device()
    device.keep_running = True
    for name in NAMES:
        device.local[name].insert_many([{"_id": n, "v": 1} for n in range(600)])
    device.start()
    device.wait_until_settled()
    wait_for_beat(device, None)
    before = read_kept(device.local).last
    back_up({Side.LOCAL: device.local}, tmp_path / "backup")
    # What happens after the backup: changes, and deletes that an operator has said to be meant
    device.local["bills"].update_many({"_id": {"$lt": 50}}, {"$set": {"v": 2}})
    device.atlas["bills"].insert_many([{"_id": n, "v": 2} for n in range(600, 650)])
    device.local["guests"].delete_many({"_id": {"$gte": 100}})
    answer(device, Kind.MASS_DELETE, Answer.GO_ON)
    device.wait_until_settled()
    wait_for_beat(device, before)
    newest = contents(device.atlas)
    device.stop()

    dump = open_dump(tmp_path / "backup", Side.LOCAL, device.local.name)
    assert [one.problems for one in restore(device.local, dump, drop=True) if one.problems] == []
    device.launch("listener", "worker")
    answer(device, Kind.LOCAL_RESTORED, Answer.TAKE_ATLAS)
    device.wait_until_settled(60)
    assert load_halts(device.local) == ()
    assert contents(device.local) == contents(device.atlas) == newest
