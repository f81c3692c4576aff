"""Requirement 5: a resume token that is missing leads to a comparison, never to a gap."""

from __future__ import annotations

import pytest

from tests.support.device import Device, databases


@pytest.mark.parametrize("deleted", [["atlas"], ["local"], ["atlas", "local"]])
def test_both_sides_become_equal_after_a_resume_token_was_deleted(device: Device, deleted: list[str]) -> None:
    name = "_and_".join(deleted)
    keys = [f"{side} {act}" for side in ("local", "atlas") for act in ("stays", "changes", "goes")]
    device.local[name].insert_many([{"_id": key, "v": 0} for key in keys])
    device.wait_until_settled()
    before = len(device.conflicts())
    device.stop("listener")

    for side in deleted:
        assert device.local["_sync_metadata"].delete_one({"_id": f"{side}-resume-token"}).deleted_count == 1
    for side, database in databases(device).items():
        database[name].update_one({"_id": f"{side} changes"}, {"$set": {"v": 1}})
        database[name].delete_one({"_id": f"{side} goes"})
        database[name].insert_one({"_id": f"{side} comes", "v": 2})
    device.launch("listener")
    device.wait_until_ready()
    device.wait_until_settled()

    expected = {
        f"{side} {act}": v
        for side in ("local", "atlas")
        for act, v in (("stays", 0), ("changes", 1), ("comes", 2))
    }
    for database in (device.local, device.atlas):
        assert {one["_id"]: one["v"] for one in database[name].find()} == expected
    assert len(device.conflicts()) == before
    for side in deleted:
        assert device.local["_sync_metadata"].find_one({"_id": f"{side}-resume-token"}), "there is a new one"
