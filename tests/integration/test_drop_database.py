"""A whole database is dropped: on Atlas an operator is asked; a local one takes with it what sync knew."""

from __future__ import annotations

import pytest

from syncapp.store.halts import Answer, Kind, answer_halt, load_halts
from tests.integration.conftest import MakeDevice
from tests.support.device import Device
from tests.support.eventually import eventually

DOCUMENTS = 50


def begin(make_device: MakeDevice) -> Device:
    device = make_device()
    device.keep_running = True
    device.local["orders"].insert_many([{"_id": n} for n in range(DOCUMENTS)])
    device.local["menu"].insert_many([{"_id": n} for n in range(DOCUMENTS)])
    device.start()
    device.wait_until_settled()
    return device


@pytest.mark.timeout(180)
def test_a_dropped_atlas_database_is_asked_about_and_filled_again(make_device: MakeDevice) -> None:
    device = begin(make_device)
    device.atlas.client.drop_database(device.atlas.name)

    def whole() -> list[str]:
        return [halt.id for halt in load_halts(device.local) if halt.kind is Kind.ATLAS_RESTORED]

    eventually(whole, "it is noticed", timeout=40)
    device.local["orders"].insert_one({"_id": "meanwhile"})
    assert device.local["menu"].count_documents({}) == DOCUMENTS, "nothing was deleted here"
    assert answer_halt(device.local, whole()[0], Answer.KEEP_LOCAL, "an operator")
    eventually(lambda: not load_halts(device.local), "the answer is carried out", timeout=60)
    device.wait_until_settled(60)
    assert device.atlas["menu"].count_documents({}) == DOCUMENTS
    assert device.atlas["orders"].count_documents({}) == DOCUMENTS + 1


@pytest.mark.timeout(180)
def test_a_dropped_local_database_is_filled_again_from_atlas(make_device: MakeDevice) -> None:
    device = begin(make_device)
    before = device.instance_id
    device.local.client.drop_database(device.local.name)
    eventually(
        lambda: device.local["menu"].count_documents({}) == DOCUMENTS, "it is filled again", timeout=60
    )
    device.wait_until_settled(60)
    assert (
        device.local["orders"].count_documents({}) == device.atlas["orders"].count_documents({}) == DOCUMENTS
    )
    assert device.instance_id != before
    assert load_halts(device.local) == ()
