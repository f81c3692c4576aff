"""Requirement 4, strategy manual: a conflict needs manual resolution, and holds up nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually

NAME = "menu"


@pytest.fixture
def manual(make_device: MakeDevice) -> Device:
    device = make_device(CONFLICT_RESOLUTION_STRATEGY="manual")
    device.start()
    device.local[NAME].insert_many([{"_id": key, "v": "first"} for key in ("soup", "fish", "cake", "tea")])
    device.wait_until_settled()
    return device


@contextmanager
def apart(device: Device, forget: str = "") -> Iterator[None]:
    """What is written here, sync sees later and all at once. `forget`: a side whose token is deleted."""
    device.stop("listener")
    if forget:
        assert device.local["_sync_metadata"].delete_one({"_id": f"{forget}-resume-token"}).deleted_count
    yield
    device.launch("listener")
    device.wait_until_ready()


def put(device: Device, key: str, **versions: str | None) -> None:
    for side, value in versions.items():
        collection = getattr(device, side)[NAME]
        if value is None:
            collection.delete_one({"_id": key})
        else:
            collection.replace_one({"_id": key}, {"v": value})


def held(device: Device, key: str) -> list[Any]:
    found = [side[NAME].find_one({"_id": key}) for side in (device.local, device.atlas)]
    return [one and one["v"] for one in found]


def open_keys(device: Device) -> list[str]:
    rows = device.rows(
        "SELECT document_id FROM syncapp_conflict WHERE winner = 'open' AND resolved_at IS NULL"
    )
    return sorted(key.strip('"') for (key,) in rows)


def wait_for_open(device: Device, *keys: str) -> None:
    eventually(lambda: open_keys(device) == sorted(keys), f"{keys} wait, and nothing else")


def resolve(device: Device, key: str, winner: str) -> None:
    device.console.run(
        "from syncapp.services.conflicts import resolve\n"
        "from syncapp.core.values import Side\n"
        "from syncapp.models import Conflict\n"
        f"one = Conflict.objects.get(document_id='\"{key}\"', winner='open', resolved_at=None)\n"
        f"resolve(one, Side({winner!r}))"
    )


@pytest.mark.timeout(240)
def test_conflicts_wait_for_a_person_and_everything_else_goes_on(manual: Device) -> None:
    with apart(manual):
        put(manual, "soup", local="local soup", atlas="atlas soup")
        put(manual, "fish", local="local fish", atlas="atlas fish")
        put(manual, "cake", local=None, atlas="atlas cake")
        put(manual, "tea", local="local tea")
    wait_for_open(manual, "soup", "fish", "cake")
    manual.atlas[NAME].insert_one({"_id": "rice", "v": "new"})
    eventually(lambda: held(manual, "tea") == ["local tea"] * 2, "other documents are pushed")
    eventually(lambda: held(manual, "rice") == ["new"] * 2, "other documents are pulled")
    assert held(manual, "soup") == ["local soup", "atlas soup"]
    assert held(manual, "cake") == [None, "atlas cake"]

    # A comparison looks at them again, and makes no second one of any
    with apart(manual, forget="atlas"):
        pass
    manual.wait_until_idle()
    assert open_keys(manual) == ["cake", "fish", "soup"]
    assert len(manual.conflicts()) == 3
    assert held(manual, "fish") == ["local fish", "atlas fish"]

    # A newer edit takes the place of what waited
    put(manual, "soup", local="local soup, edited")
    eventually(lambda: len(manual.conflicts()) == 4, "the edit is a conflict of its own")
    wait_for_open(manual, "soup", "fish", "cake")
    assert held(manual, "soup") == ["local soup, edited", "atlas soup"]

    resolve(manual, "soup", "local")
    resolve(manual, "fish", "atlas")
    resolve(manual, "cake", "local")
    manual.wait_until_settled()
    assert held(manual, "soup") == ["local soup, edited"] * 2
    assert held(manual, "fish") == ["atlas fish"] * 2
    assert held(manual, "cake") == [None, None]
    assert open_keys(manual) == []
    assert [row["winner"] for row in manual.conflicts()].count("open") == 1, "the one that was replaced"

    # Agreed on: the next change on one side is an ordinary one
    put(manual, "soup", atlas="soup of the day")
    eventually(lambda: held(manual, "soup") == ["soup of the day"] * 2, "it is pulled")
    counted = sum(manual.figures(direction)["conflicts"] for direction in ("atlasToLocal", "localToAtlas"))
    assert counted == len(manual.conflicts()) == 4, "each conflict is counted once"
    manual.check_figures()


def test_an_application_can_settle_it_too(manual: Device) -> None:
    with apart(manual):
        put(manual, "soup", local="local soup", atlas="atlas soup")
    wait_for_open(manual, "soup")
    with apart(manual):
        pass  # a restart changes nothing
    assert (open_keys(manual), len(manual.conflicts())) == (["soup"], 1)
    put(manual, "soup", atlas="local soup")
    wait_for_open(manual)
    manual.wait_until_settled()
    assert held(manual, "soup") == ["local soup"] * 2
