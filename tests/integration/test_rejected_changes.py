"""Requirement 8: a document that its target or a rule refuses stops nobody else, and goes through once it is
mended: by itself when it changes, by a click, or by the sweep. SYNC_TEST_WRITES sets the size (10000 for a
trial at full size)."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pymongo.database import Database

from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.versions import version_of

WRITES = max(2_000, int(os.environ.get("SYNC_TEST_WRITES", "2000")))
SCHEMA = {"bsonType": "object", "required": ["total"], "properties": {"total": {"bsonType": "int"}}}
RETRY_ALL = "from syncapp.services import rejected\nassert rejected.retry(rejected.chosen()) == {}"
# As if the rows had waited for a day
SWEEP = """
import datetime as dt
from django.utils import timezone
from syncapp.services.rejected import sweep
assert sweep(timezone.now() + dt.timedelta(minutes=9)) == 0, "too early"
assert sweep(timezone.now() + dt.timedelta(days=1, minutes=1)) == {}
"""


def wait_for_rejections(device: Device, collection: str, count: int = 1) -> list[dict[str, Any]]:
    names = ("document_id", "direction", "reason", "code", "attempts", "other_id", "other_document")
    query = f"SELECT {', '.join(names)} FROM syncapp_rejectedchange WHERE collection = ? ORDER BY id"

    def rows() -> list[dict[str, Any]]:
        found = device.rows(query, collection)
        return [dict(zip(names, row, strict=True)) for row in found] if len(found) == count else []

    return eventually(rows, f"{count} rejected change(s) in {collection}", timeout=30)


def wait_until_cleared(device: Device) -> None:
    eventually(lambda: not device.rejected(), "the rejection is gone")
    device.check_figures()


def wait_for_count(database: Database[Any], collection: str, count: int) -> None:
    def arrived() -> bool:
        return database[collection].count_documents({}) == count

    eventually(arrived, f"{count} documents in {collection}", timeout=90)


def change_rules(device: Device, statements: str) -> None:
    """And wait until the listener has taken them up: batches of after that are worked on by the new rules."""
    before = device.lines("listener").count("Rules changed")
    device.console.run(statements)
    device.wait_for_line("listener", "Rules changed", times=before + 1)


def test_one_among_many_is_set_aside_and_goes_through_by_a_click(device: Device) -> None:
    device.local.create_collection("checked", validator={"$jsonSchema": SCHEMA})
    wrong = 617
    failed = device.figures("atlasToLocal")["failed"]
    device.atlas["checked"].insert_many(
        [{"_id": number, "total": "much" if number == wrong else number} for number in range(WRITES)]
    )
    wait_for_count(device.local, "checked", WRITES - 1)
    (row,) = wait_for_rejections(device, "checked")
    device.wait_until_idle()
    assert (row["direction"], row["code"], row["attempts"]) == ("atlasToLocal", 121, 1)
    assert row["document_id"] == '{"$numberInt": "617"}'
    details = 'total: wanted {bsonType: "int"}, found string'
    if version_of(device.local.client) < (5, 0):
        details = "Document failed validation"  # it tells no more
    assert row["reason"] == f"The collection's validator refuses it: {details}"
    assert device.figures("atlasToLocal")["failed"] == failed + 1

    # Trying again before anything is mended changes nothing but the count
    device.console.run(RETRY_ALL.format(1))
    eventually(lambda: wait_for_rejections(device, "checked")[0]["attempts"] == 2, "it is refused again")
    device.wait_until_idle()
    assert device.local["checked"].count_documents({}) == WRITES - 1

    device.local.command("collMod", "checked", validator={})
    device.console.run(RETRY_ALL.format(1))
    device.wait_until_settled()
    assert device.local["checked"].find_one({"_id": wrong}) == {"_id": wrong, "total": "much"}
    wait_until_cleared(device)


def test_it_goes_through_by_itself_when_the_document_changes(device: Device) -> None:
    device.local.create_collection("mended", validator={"$jsonSchema": SCHEMA})
    device.atlas["mended"].insert_one({"_id": 1, "total": "much"})
    wait_for_rejections(device, "mended")
    device.atlas["mended"].update_one({"_id": 1}, {"$set": {"total": 5}})
    device.wait_until_settled()
    wait_until_cleared(device)


def test_it_is_cleared_when_the_document_goes_and_nothing_is_to_be_done(device: Device) -> None:
    device.local.create_collection("given_up", validator={"$jsonSchema": SCHEMA})
    device.atlas["given_up"].insert_one({"_id": 1, "total": "much"})
    wait_for_rejections(device, "given_up")
    device.atlas["given_up"].delete_one({"_id": 1})
    device.wait_until_settled()
    wait_until_cleared(device)


def test_it_goes_through_by_the_sweep(device: Device) -> None:
    # Two array fields in one index: the target cannot hold what the source can
    device.atlas["tagged"].create_index([("sizes", 1), ("colours", 1)])
    device.local["tagged"].insert_many(
        [{"_id": 1, "sizes": [1, 2], "colours": ["red"]}, {"_id": 2, "sizes": 1, "colours": ["red"]}]
    )
    (row,) = wait_for_rejections(device, "tagged")
    wait_for_count(device.atlas, "tagged", 1)
    assert (row["direction"], row["code"]) == ("localToAtlas", 171)
    assert row["reason"].startswith("An index of the collection cannot hold it: cannot index parallel arrays")
    device.atlas["tagged"].drop_indexes()
    device.console.run(SWEEP.format(1))
    device.wait_until_settled()
    wait_until_cleared(device)


def test_a_unique_value_that_is_taken_is_named_with_both_documents(device: Device) -> None:
    device.atlas["people"].create_index("email", unique=True)
    people = [{"_id": number, "email": f"{number}@example.com"} for number in range(300)]
    people[200]["email"] = people[100]["email"]
    device.local["people"].insert_many(people)
    wait_for_count(device.atlas, "people", 299)
    (row,) = wait_for_rejections(device, "people")
    device.wait_until_idle()
    (missing,) = {one["_id"] for one in people} - {one["_id"] for one in device.atlas["people"].find()}
    (holder,) = {100, 200} - {missing}
    assert (row["direction"], row["code"]) == ("localToAtlas", 11000)
    assert row["reason"] == (
        f'Unique index email_1: {{email: "100@example.com"}} is held by another document: _id {holder}'
    )
    assert row["other_id"] == f'{{"$numberInt": "{holder}"}}'
    assert "100@example.com" in row["other_document"]

    device.local["people"].update_one({"_id": missing}, {"$set": {"email": "new@example.com"}})
    device.wait_until_settled()
    wait_until_cleared(device)


@pytest.mark.parametrize("source", ["local", "atlas"])
def test_a_validation_rule_holds_in_both_directions(device: Device, source: str) -> None:
    name = f"ruled_{source}"
    here, there = databases(device)[source], databases(device)["atlas" if source == "local" else "local"]
    change_rules(
        device,
        f"from syncapp.services.rules.validation import set_rule\nset_rule('{name[:-1]}*', {SCHEMA!r})",
    )
    documents = [{"_id": number, "total": number} for number in range(20)]
    here[name].insert_many([*documents, {"_id": "wrong", "total": "much"}, {"_id": "without"}])
    wait_for_count(there, name, 20)
    rows = wait_for_rejections(device, name, 2)
    device.wait_until_idle()
    assert {row["direction"] for row in rows} == {"localToAtlas" if source == "local" else "atlasToLocal"}
    assert {(row["document_id"], row["reason"], row["code"]) for row in rows} == {
        ('"wrong"', f"Validation rule {name[:-1]}*: total is of type string; allowed: int", None),
        ('"without"', f"Validation rule {name[:-1]}*: total is missing", None),
    }
    # A deletion is never against a rule, and mending a document is enough
    here[name].delete_one({"_id": 3})
    here[name].update_one({"_id": "without"}, {"$set": {"total": 1}})
    wait_for_count(there, name, 20)
    wait_for_rejections(device, name, 1)
    # Neither is the rest, once the rule is gone
    change_rules(
        device, f"from syncapp.services.rules.validation import remove_rule\nremove_rule('{name[:-1]}*')"
    )
    device.console.run(RETRY_ALL.format(1))
    device.wait_until_settled()
    wait_until_cleared(device)
