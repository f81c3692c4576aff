"""Rejected changes in the API and the command: filters, both documents, trying again, discarding."""

from __future__ import annotations

import io
import json
from typing import Any

import bson
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, RejectedChange
from syncapp.models.choices import Direction
from tests.api.conftest import ROOT, Change
from tests.support import rows

pytestmark = pytest.mark.django_db
ADDRESS = f"{ROOT}/rejected"


@pytest.fixture
def here(local_db: Database[Any], local_server: Mongod, change_settings: Change) -> Database[Any]:
    """The local database of the device whose changes were rejected."""
    local_db["_sync_metadata"].insert_one({"_id": "instance", "instanceId": rows.DEVICE})
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


@pytest.fixture
def four() -> list[RejectedChange]:
    return [
        rows.rejected(key=1),
        rows.rejected(key=2, code=121, reason="The collection's validator refuses it: total is missing"),
        rows.rejected(Direction.ATLAS_TO_LOCAL, key=3, code=None, reason="Validation rule a*: x is missing"),
        rows.rejected(key=4, collection="guests"),
    ]


def marked(db: Database[Any]) -> list[tuple[str, Any]]:
    """What the listener is asked to look at."""
    return sorted((one["c"], one["key"]["_id"]) for one in db["_sync_dirty"].find())


def keys(found: list[dict[str, Any]]) -> list[str]:
    return sorted(row["documentId"]["$numberInt"] for row in found)


FILTERS = [
    ({"collection": "guests"}, ["4"]),
    ({"direction": "atlasToLocal"}, ["3"]),
    ({"code": 121}, ["2"]),
    ({"reason": "MISSING"}, ["2", "3"]),
    ({"reason": "Validation rule"}, ["3"]),
    ({"documentId": '"4"'}, ["4"]),
    ({"code": 11000, "collection": "orders"}, ["1"]),
]


@pytest.mark.parametrize(("wanted", "found"), FILTERS)
def test_filters_of_the_list(
    reader: APIClient, four: list[RejectedChange], wanted: dict[str, Any], found: list[str]
) -> None:
    body = reader.get(ADDRESS, wanted).json()
    assert (body["count"], keys(body["results"])) == (len(found), found)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({"code": "x"}, 'code is "x"; allowed: an error code of the server, such as 121'),
        ({"code": "9" * 30}, f'code is "{"9" * 30}"; allowed: an error code of the server, such as 121'),
        ({"direction": "up"}, 'direction is "up"; allowed: atlasToLocal, localToAtlas'),
    ],
)
def test_a_wrong_filter_is_named(reader: APIClient, query: dict[str, str], line: str) -> None:
    answer = reader.get(ADDRESS, query)
    assert (answer.status_code, answer.json()["detail"]) == (400, line)


def test_one_has_its_document_and_the_one_that_holds_its_value(
    operator: APIClient, reader: APIClient
) -> None:
    held = {"other_id": '"guest 7"', "other_document": '{"_id": "guest 7"}', "attempts": 3}
    row = rows.rejected(**held)
    hidden = reader.get(f"{ADDRESS}/{row.pk}").json()
    assert (hidden["bodiesHidden"], hidden["document"], hidden["otherDocument"]) == (True, None, None)
    body = operator.get(f"{ADDRESS}/{row.pk}").json()
    assert (body["heldBy"], body["otherDocument"], body["attempts"]) == ("guest 7", {"_id": "guest 7"}, 3)
    assert body["document"]["number"] == {"$numberInt": "7"}
    assert body["retriedAt"] is None
    (listed,) = reader.get(ADDRESS).json()["results"]
    assert listed["heldBy"] == "guest 7"
    assert not {"document", "otherDocument"} & set(listed), "a list does not read documents"
    assert reader.get(f"{ADDRESS}/{row.pk + 1}").status_code == 404


def test_one_is_tried_again(
    operator: APIClient, operator_user: User, here: Database[Any], four: list[RejectedChange]
) -> None:
    answer = operator.post(f"{ADDRESS}/{four[0].pk}/retry")
    assert (answer.status_code, answer.json()) == (200, {"count": 1})
    assert marked(here) == [("orders", 1)]
    retried = RejectedChange.objects.exclude(retried_at=None).get()
    assert retried == four[0], "the row stays until the document went through"
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.action) == (operator_user, "retry rejected changes")
    assert entry.detail == "orders 1"


@pytest.mark.parametrize(("wanted", "found"), FILTERS)
def test_all_that_fit_are_tried_again(
    operator: APIClient,
    here: Database[Any],
    four: list[RejectedChange],
    wanted: dict[str, Any],
    found: list[str],
) -> None:
    answer = operator.post(f"{ADDRESS}/retry", wanted, format="json")
    assert answer.json() == {"count": len(found)}
    assert [str(key) for _, key in marked(here)] == found


def test_many_are_tried_again_by_their_ids_and_all_by_one_word(
    operator: APIClient, here: Database[Any], four: list[RejectedChange]
) -> None:
    ids = [four[1].pk, four[3].pk]
    assert operator.post(f"{ADDRESS}/retry", {"ids": ids}, format="json").json() == {"count": 2}
    assert marked(here) == [("guests", 4), ("orders", 2)]
    assert operator.post(f"{ADDRESS}/retry", {"all": True}, format="json").json() == {"count": 4}
    assert len(marked(here)) == 4


def test_any_id_finds_its_document_again(operator: APIClient, here: Database[Any]) -> None:
    odd = [bson.Int64(5), 5.5, "text", bson.ObjectId(), {"b": 1, "a": None}, b"\0", None, True]
    for key in odd:
        rows.rejected(key=key)
    assert operator.post(f"{ADDRESS}/retry", {"all": True}, format="json").json() == {"count": len(odd)}
    found = {bson.encode(one["key"]) for one in here["_sync_dirty"].find()}
    assert found == {bson.encode({"_id": key}) for key in odd}


def test_one_and_all_that_fit_are_discarded(
    operator: APIClient, operator_user: User, four: list[RejectedChange]
) -> None:
    assert operator.post(f"{ADDRESS}/{four[0].pk}/discard").json() == {"count": 1}
    assert operator.post(f"{ADDRESS}/discard", {"reason": "missing"}, format="json").json() == {"count": 2}
    assert list(RejectedChange.objects.all()) == [four[3]]
    assert operator.post(f"{ADDRESS}/{four[0].pk}/discard").status_code == 404
    actions = AuditEntry.objects.filter(user=operator_user, action="discard rejected changes")
    assert sorted(actions.values_list("detail", flat=True)) == [
        "orders 1",
        "orders 3, orders 2",
    ]


@pytest.mark.parametrize("act", ["retry", "discard"])
@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({}, "no filter is given; allowed: collection, documentId, direction, code, reason, ids, all"),
        ({"all": False}, "all is false; allowed: true"),
        ({"colection": "a", "code": 11000}, "colection is unknown; allowed: collection, documentId"),
        ({"ids": []}, "ids is []; allowed: a list of 1 to 1000 ids, such as [3, 5]"),
        ({"ids": ["x"]}, 'ids is ["x"]; allowed: a list of 1 to 1000 ids'),
        ({"ids": [2**63]}, "ids is [9223372036854775808]; allowed: a list of 1 to 1000 ids"),
        ({"ids": 5}, "ids is 5; allowed: a list of 1 to 1000 ids"),
        ({"all": "yes"}, 'all is "yes"; allowed: true'),
    ],
)
def test_a_wrong_choice_changes_nothing(
    operator: APIClient, four: list[RejectedChange], act: str, body: dict[str, Any], line: str
) -> None:
    answer = operator.post(f"{ADDRESS}/{act}", body, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    assert RejectedChange.objects.count() == 4
    assert not AuditEntry.objects.exists()


def test_what_fits_nothing_is_said(operator: APIClient, here: Database[Any]) -> None:
    for act in ("retry", "discard"):
        answer = operator.post(f"{ADDRESS}/{act}", {"collection": "nothing"}, format="json")
        assert answer.status_code == 409
        assert "No rejected change matches" in answer.json()["detail"]


def test_a_change_of_another_device_cannot_be_tried_again_here(
    operator: APIClient, here: Database[Any]
) -> None:
    row = rows.rejected(instance_id="another device")
    answer = operator.post(f"{ADDRESS}/{row.pk}/retry")
    assert answer.status_code == 409
    assert "belong to another device" in answer.json()["detail"]
    assert (marked(here), AuditEntry.objects.count()) == ([], 0)


def test_without_the_local_mongodb_nothing_is_promised(
    operator: APIClient, change_settings: Change, four: list[RejectedChange]
) -> None:
    change_settings(mongodb_uri="mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=200")
    answer = operator.post(f"{ADDRESS}/{four[0].pk}/retry")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("The local MongoDB cannot be reached: ")
    assert not RejectedChange.objects.exclude(retried_at=None).exists()
    assert not AuditEntry.objects.exists()


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_rejected", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_lists(four: list[RejectedChange]) -> None:
    text = command()
    assert "The collection's validator refuses it: total is missing" in text
    assert "Local → Atlas  orders 1  (1 attempt, last 20" in text
    assert command("list", "--code", "121").count("orders") == 1
    (row,) = json.loads(command("list", "--json", "--collection", "guests"))
    assert (row["collection"], row["documentId"], row["code"]) == ("guests", {"$numberInt": "4"}, 11000)


def test_the_command_without_rows_says_so() -> None:
    assert command() == "No rejected changes.\n"
    assert json.loads(command("--json")) == []


def test_the_command_tries_again_and_discards(here: Database[Any], four: list[RejectedChange]) -> None:
    assert "1 document" in command("retry", "--id", str(four[0].pk))
    assert marked(here) == [("orders", 1)]
    assert json.loads(command("retry", "--all", "--json")) == {"count": 4}
    assert "2 rejected changes" in command("discard", "--id", str(four[0].pk), "--id", str(four[1].pk))
    assert RejectedChange.objects.count() == 2
    assert AuditEntry.objects.filter(user=None).count() == 3


@pytest.mark.parametrize("act", ["retry", "discard"])
def test_the_command_wants_to_know_which(act: str, four: list[RejectedChange]) -> None:
    with pytest.raises(CommandError, match="--all"):
        command(act)
    with pytest.raises(CommandError, match="No rejected change matches"):
        command(act, "--collection", "nothing")
    assert RejectedChange.objects.count() == 4
