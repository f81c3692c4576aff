"""A device that was down for longer than an oplog reaches back: what it missed is found by comparing both
sides. Nothing that was deleted comes back, and nothing is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Workshop, mortal_workshop
from tests.support import oplog
from tests.support.device import Device, databases

OPLOG_MB = 8
ACTS = ("stays", "changes", "goes")


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("forgetful")
    with mortal_workshop(migrated_home, folder, OPLOG_MB, oplog.ForgetfulMongod) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def module_device(own: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with own.running(tmp_path_factory.mktemp("device")) as device:
        yield device


@pytest.mark.parametrize("forgets", ["atlas", "local"])
@pytest.mark.parametrize("away", ["stopped", "frozen"])
def test_both_sides_become_equal_though_the_oplog_has_rolled_over(
    own: Workshop, device: Device, forgets: str, away: str
) -> None:
    name = f"{forgets}_{away}"
    server = own.atlas if forgets == "atlas" else own.local
    for side, database in databases(device).items():
        database[name].insert_many([{"_id": f"{side} {act}", "v": 0} for act in ACTS])
    device.wait_until_settled()
    before = len(device.conflicts())
    said_before = ""
    if away == "stopped":
        device.stop("listener")
    else:
        device.signal("listener", signal.SIGSTOP)
        said_before = device.lines("listener")

    try:
        for side, database in databases(device).items():
            database[name].update_one({"_id": f"{side} changes"}, {"$set": {"v": 1}})
            database[name].delete_one({"_id": f"{side} goes"})
            database[name].insert_one({"_id": f"{side} comes", "v": 2})
        if away == "frozen":  # its cursor goes along with the oplog while the server waits for events
            oplog.wait_for_fetches(server, databases(device)[forgets].name)
        oplog.roll_over(server, past=oplog.position(server))
    finally:
        if away == "stopped":
            device.launch("listener")
        else:
            device.signal("listener", signal.SIGCONT)
    compared = "Full comparison requested"
    device.wait_for_line("listener", compared, timeout=40, times=said_before.count(compared) + 1)
    device.wait_until_settled()

    expected = {
        f"{side} {act}": v
        for side in ("local", "atlas")
        for act, v in (("stays", 0), ("changes", 1), ("comes", 2))
    }
    for database in (device.local, device.atlas):
        assert {one["_id"]: one["v"] for one in database[name].find()} == expected
    assert len(device.conflicts()) == before
    said = [
        line for line in device.lines("listener")[len(said_before) :].splitlines() if "stream_failed" in line
    ]
    print(*said[:3], sep="\n")
    assert any(f"side={forgets}" in line for line in said), "the log says whose history is lost"
