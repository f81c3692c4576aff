"""Requirement 8: a document that its target refuses stops nobody else, and goes through once it is mended."""

from __future__ import annotations

from tests.support.device import Device
from tests.support.eventually import eventually


def test_a_document_that_fails_the_local_validator_stops_nobody_else(device: Device) -> None:
    schema = {"bsonType": "object", "required": ["total"], "properties": {"total": {"bsonType": "int"}}}
    device.local.create_collection("checked", validator={"$jsonSchema": schema})
    wrong = 617
    device.atlas["checked"].insert_many(
        [{"_id": number, "total": "much" if number == wrong else number} for number in range(1_000)]
    )
    eventually(lambda: device.local["checked"].count_documents({}) == 999, "the others arrive", timeout=30)
    eventually(lambda: device.rejected(), "the guilty one is set aside")
    device.wait_until_idle()
    ((collection, document_id, direction, reason, code),) = device.rejected()
    assert (collection, direction, code) == ("checked", "atlasToLocal", 121)
    assert str(wrong) in document_id
    assert "validation" in reason
    assert device.figures("atlasToLocal")["failed"] == 1

    device.atlas["checked"].update_one({"_id": wrong}, {"$set": {"total": wrong}})
    device.wait_until_settled()
    assert device.local["checked"].find_one({"_id": wrong}) == {"_id": wrong, "total": wrong}
    eventually(lambda: not device.rejected(), "the rejection is gone")
    device.check_figures()


def test_a_document_that_breaks_a_unique_index_on_atlas_stops_nobody_else(device: Device) -> None:
    device.atlas["people"].create_index("email", unique=True)
    people = [{"_id": number, "email": f"{number}@example.com"} for number in range(300)]
    people[200]["email"] = people[100]["email"]
    device.local["people"].insert_many(people)
    eventually(lambda: device.atlas["people"].count_documents({}) == 299, "the others arrive", timeout=30)
    eventually(lambda: device.rejected(), "the guilty one is set aside")
    device.wait_until_idle()
    ((collection, _, direction, reason, code),) = device.rejected()
    assert (collection, direction, code) == ("people", "localToAtlas", 11000)
    assert "email" in reason

    (missing,) = {one["_id"] for one in people} - {one["_id"] for one in device.atlas["people"].find()}
    device.local["people"].update_one({"_id": missing}, {"$set": {"email": "new@example.com"}})
    device.wait_until_settled()
    eventually(lambda: not device.rejected(), "the rejection is gone")
    device.check_figures()
