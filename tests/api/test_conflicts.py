"""Conflicts in the API: totals, filters, pages, both versions, and bringing the loser back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, ObjectId, Regex, Timestamp
from bson.raw_bson import RawBSONDocument
from django.contrib.auth.models import User
from django.utils import timezone
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, CollectionRule, Conflict
from tests.api.conftest import ROOT, Change
from tests.support import rows
from tests.support.versions import ODD_NAMES

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(local_db: Database[Any], local_server: Mongod, change_settings: Change) -> Database[Any]:
    """The local database that the web process is told of."""
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


def restore(client: APIClient, conflict: Conflict) -> Any:
    return client.post(f"{ROOT}/conflicts/{conflict.pk}/restore")


def raw(db: Database[Any], key: Any, collection: str = "orders") -> bytes | None:
    options = bson.CodecOptions(
        document_class=RawBSONDocument, datetime_conversion=bson.DatetimeConversion.DATETIME_MS
    )
    found = db.get_collection(collection, codec_options=options).find_one({"_id": {"$eq": key}})
    return found.raw if found else None


def test_totals_and_pages(reader: APIClient) -> None:
    for n in range(3):
        rows.conflict({"_id": n, "x": 1}, {"_id": n, "x": 2}, ago=dt.timedelta(minutes=n))
    rows.conflict({"_id": 9}, None, winner="local", collection="tables", ago=dt.timedelta(hours=2))
    body = reader.get(f"{ROOT}/conflicts", {"page_size": "2"}).json()
    totals = {key: value for key, value in body.items() if isinstance(value, int) and key != "count"}
    assert totals == {
        "totalConflicts": 4, "localWins": 1, "atlasWins": 3, "merged": 0, "waiting": 0, "lastHour": 3,
    }  # fmt: skip
    assert (body["count"], len(body["results"]), body["previous"]) == (4, 2, None)
    second = reader.get(body["next"]).json()
    keys = [row["documentId"]["$numberInt"] for row in body["results"] + second["results"]]
    assert keys == ["0", "1", "2", "9"], "newest first, each once"
    assert "localDocument" not in body["results"][0], "a list does not read documents"


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"winner": "local"}, ["2"]),
        ({"collection": "tables"}, ["2"]),
        ({"collection": "nothing"}, []),
        ({"restored": "true"}, ["3"]),
        ({"restored": "false"}, ["1", "2"]),
    ],
)
def test_filters(reader: APIClient, query: dict[str, str], keys: list[str]) -> None:
    rows.conflict({"_id": 1}, None)
    rows.conflict({"_id": 2}, None, winner="local", collection="tables")
    rows.conflict({"_id": 3}, None, restored_at=timezone.now())
    body = reader.get(f"{ROOT}/conflicts", query).json()
    assert sorted(row["documentId"]["$numberInt"] for row in body["results"]) == keys
    assert (body["totalConflicts"], body["count"]) == (3, len(keys))


def test_times_filter(reader: APIClient) -> None:
    rows.conflict({"_id": 1}, None, ago=dt.timedelta(hours=5))
    rows.conflict({"_id": 2}, None)
    since = (timezone.now() - dt.timedelta(hours=1)).isoformat()
    for query, key in (({"since": since}, "2"), ({"until": since}, "1")):
        (row,) = reader.get(f"{ROOT}/conflicts", query).json()["results"]
        assert row["documentId"] == {"$numberInt": key}


def test_one_has_both_versions_in_full(operator: APIClient, reader: APIClient) -> None:
    one = rows.conflict({"_id": 1, "n": Int64(5)}, None, winner="local")
    body = operator.get(f"{ROOT}/conflicts/{one.pk}").json()
    assert body["bodiesHidden"] is False
    assert body["localDocument"] == {"_id": {"$numberInt": "1"}, "n": {"$numberLong": "5"}}
    assert body["atlasDocument"] is None
    assert (body["winner"], body["loser"]) == ("local", "atlas")
    assert reader.get(f"{ROOT}/conflicts/{one.pk + 1}").status_code == 404


def test_whoever_may_not_see_documents_is_told_so(reader: APIClient) -> None:
    one = rows.conflict({"_id": 1, "name": "Ms Secret"}, {"_id": 1, "name": "Mr Secret"})
    answer = reader.get(f"{ROOT}/conflicts/{one.pk}")
    assert {name: answer.json()[name] for name in ("bodiesHidden", "localDocument", "atlasDocument")} == {
        "bodiesHidden": True,
        "localDocument": None,
        "atlasDocument": None,
    }
    assert "Secret" not in answer.content.decode()


def test_the_reason_is_in_the_list_and_empty_for_what_an_earlier_version_recorded(reader: APIClient) -> None:
    rows.conflict({"_id": 1}, None, because="last write wins: …")
    rows.conflict({"_id": 2}, None, ago=dt.timedelta(minutes=1))
    results = reader.get(f"{ROOT}/conflicts").json()["results"]
    assert [row["because"] for row in results] == ["last write wins: …", ""]
    assert reader.get(f"{ROOT}/conflicts/{results[0]['id']}").json()["because"] == "last write wins: …"


ODD = {
    "z": 1.0,
    "a": Int64(1),
    "ts": Timestamp(0, 0),
    "price": Decimal128("1.00"),
    **({"$set": {"a.b": 1}} if ODD_NAMES else {}),
    "dotted.name": [None, float("nan"), -0.0],
    "far": bson.DatetimeMS(10**15),
    "": Regex("x", "i"),
}


@pytest.mark.parametrize(
    "key",
    [
        1,
        "text",
        ObjectId(),
        {"b": 1, "a": {"x": 2}},
        Int64(3),
        2.5,
        dt.datetime(2026, 1, 1),
        None,
        True,
        b"\0\1",
    ],
)
def test_the_loser_comes_back_byte_for_byte(operator: APIClient, here: Database[Any], key: Any) -> None:
    version = {"_id": key, **ODD}
    here["orders"].insert_one({"_id": key, "now": "something else"})
    one = rows.conflict(version, {"_id": key, "now": "something else"})
    answer = restore(operator, one)
    assert answer.status_code == 200, answer.json()
    assert raw(here, key) == bson.encode(version)
    assert here["orders"].count_documents({}) == 1


def test_the_loser_comes_back_where_the_document_is_gone(operator: APIClient, here: Database[Any]) -> None:
    version = {"_id": {"b": 1, "a": [2]}, **ODD}
    answer = restore(operator, rows.conflict(version, None))
    assert answer.status_code == 200, answer.json()
    assert raw(here, version["_id"]) == bson.encode(version)


def test_an_absent_version_comes_back_as_a_delete(operator: APIClient, here: Database[Any]) -> None:
    here["orders"].insert_many([{"_id": 1}, {"_id": 2}])
    assert restore(operator, rows.conflict(None, {"_id": 1})).status_code == 200
    assert [document["_id"] for document in here["orders"].find()] == [2]


@pytest.mark.parametrize(("there", "back"), [(1, 1.0), (Int64(1), 1), (1.0, Int64(1))])
def test_an_id_of_another_number_type_is_one_id(
    operator: APIClient, here: Database[Any], there: Any, back: Any
) -> None:
    here["orders"].insert_one({"_id": there, "v": "atlas"})
    assert restore(operator, rows.conflict({"_id": back, "v": "local"}, {"_id": there})).status_code == 200
    assert raw(here, 1) == bson.encode({"_id": back, "v": "local"})
    assert here["orders"].count_documents({}) == 1


def test_it_is_marked_and_in_the_audit_log(
    operator: APIClient, operator_user: User, here: Database[Any]
) -> None:
    one = rows.conflict({"_id": 1, "v": "local"}, {"_id": 1, "v": "atlas"})
    body = restore(operator, one).json()
    assert body["restoredAt"]
    (entry,) = AuditEntry.objects.all()
    assert (entry.user, entry.action) == (operator_user, "restore")
    assert "the local version" in entry.detail


def test_a_second_time_is_refused_so_that_newer_edits_stay(operator: APIClient, here: Database[Any]) -> None:
    one = rows.conflict({"_id": 1, "v": "local"}, {"_id": 1, "v": "atlas"})
    assert restore(operator, one).status_code == 200
    here["orders"].update_one({"_id": 1}, {"$set": {"v": "newer"}})
    refused = restore(operator, one)
    assert refused.status_code == 409
    assert "already been restored" in refused.json()["detail"]
    assert here["orders"].find_one() == {"_id": 1, "v": "newer"}


def test_what_the_collection_refuses_is_said(operator: APIClient, here: Database[Any]) -> None:
    here.create_collection("orders", validator={"total": {"$type": "number"}})
    one = rows.conflict({"_id": 1, "total": "much"}, {"_id": 1, "total": 1})
    refused = restore(operator, one)
    assert refused.status_code == 409
    assert "validator refuses it" in refused.json()["detail"]
    one.refresh_from_db()
    assert one.restored_at is None


def test_a_mongodb_that_cannot_be_reached_is_said(operator: APIClient, change_settings: Change) -> None:
    change_settings(mongodb_uri="mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=200")
    one = rows.conflict({"_id": 1}, None)
    answer = restore(operator, one)
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("The local MongoDB cannot be reached: ")
    one.refresh_from_db()
    assert (one.restored_at, AuditEntry.objects.count()) == (None, 0)


def test_a_mongodb_that_nobody_named_is_said(operator: APIClient) -> None:
    answer = restore(operator, rows.conflict({"_id": 1}, None))
    assert answer.status_code == 503
    assert "MONGODB_URI is not set" in answer.json()["detail"]


def test_a_restored_version_leaves_own_fields_as_they_are(operator: APIClient, here: Database[Any]) -> None:
    CollectionRule.objects.create(pattern="orders", document={"pattern": "orders", "ownFields": ["mine"]})
    here["orders"].insert_one({"_id": 1, "x": 1, "mine": "here"})
    conflict = rows.conflict({"_id": 1, "x": 1}, {"_id": 1, "x": 2, "mine": "there"}, winner="local")
    assert restore(operator, conflict).status_code == 200
    assert here["orders"].find_one() == {"_id": 1, "x": 2, "mine": "here"}


def test_what_was_here_and_is_gone_is_restored_with_its_own_fields(
    operator: APIClient, here: Database[Any]
) -> None:
    CollectionRule.objects.create(pattern="orders", document={"pattern": "orders", "ownFields": ["mine"]})
    conflict = rows.conflict({"_id": 1, "x": 1, "mine": "here"}, None, winner="atlas")
    assert restore(operator, conflict).status_code == 200
    assert here["orders"].find_one() == {"_id": 1, "x": 1, "mine": "here"}
