"""Deciding a conflict that needs manual resolution: an operator's write, only over the recorded versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bson
import pytest
from bson import Int64, Timestamp
from django.contrib.auth.models import User
from django.utils import timezone
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.core.content import content_hash, document_key, elements_of, wrap
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Batch, Fact, Side, WorkItem
from syncapp.embedded.mongod import Mongod
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.models import AuditEntry, Conflict, ValidationRule
from syncapp.store.prepare import prepare
from tests.api.conftest import ROOT, Change
from tests.support import rows
from tests.support.raw import RAW
from tests.support.versions import ODD_NAMES

pytestmark = pytest.mark.django_db
ODD_NAME = "$set" if ODD_NAMES else "set"
LOCAL = {"_id": 1, "z": Int64(1), "ts": Timestamp(0, 0), ODD_NAME: {"a.b": "local"}}
ATLAS = {"_id": 1, "a": "atlas", "z": 1.0}


@dataclass
class Both:
    """The databases that the web process is told of."""

    local: Database[Any]
    atlas: Database[Any]

    def put(self, local: dict[str, Any] | None = LOCAL, atlas: dict[str, Any] | None = ATLAS) -> None:
        for side, document in ((self.local, local), (self.atlas, atlas)):
            if document is not None:
                side["orders"].update_one({"_id": 1}, [{"$replaceWith": {"$literal": document}}], upsert=True)

    def raw(self) -> list[bytes | None]:
        found = [side.with_options(RAW)["orders"].find_one() for side in (self.local, self.atlas)]
        return [None if one is None else one.raw for one in found]


@pytest.fixture
def both(
    local_db: Database[Any], local_server: Mongod, atlas_db: Database[Any], atlas_server: Mongod,
    change_settings: Change,
) -> Both:  # fmt: skip
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    return Both(local_db, atlas_db)


def resolve(client: APIClient, conflict: Conflict, winner: Any) -> Any:
    return client.post(f"{ROOT}/conflicts/{conflict.pk}/resolve", {"winner": winner}, format="json")


@pytest.mark.parametrize(
    ("local", "atlas"),
    [(LOCAL, ATLAS), (None, ATLAS), (LOCAL, None)],
    ids=["both", "gone here", "gone there"],
)
@pytest.mark.parametrize("winner", ["local", "atlas"])
def test_the_chosen_version_is_on_both_sides_byte_for_byte(
    operator: APIClient, operator_user: User, both: Both, local: Any, atlas: Any, winner: str
) -> None:
    both.put(local, atlas)
    one = rows.conflict(local, atlas, winner="open")
    answer = resolve(operator, one, winner)
    assert answer.status_code == 200, answer.json()
    chosen = local if winner == "local" else atlas
    expected = None if chosen is None else bson.encode(chosen)
    assert both.raw() == [expected, expected]
    body = answer.json()
    assert (body["winner"], bool(body["resolvedAt"])) == (winner, True)
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.action) == (operator_user, "resolve conflict")
    again = resolve(operator, one, "local")
    assert (again.status_code, "already resolved" in again.json()["detail"]) == (409, True)


@pytest.mark.parametrize("changed", ["local", "atlas"])
@pytest.mark.parametrize("winner", ["local", "atlas"])
def test_a_newer_edit_on_either_side_is_not_overwritten(
    operator: APIClient, both: Both, changed: str, winner: str
) -> None:
    both.put(**{changed: {"_id": 1, "newer": True}})
    before = both.raw()
    one = rows.conflict(LOCAL, ATLAS, winner="open")
    refused = resolve(operator, one, winner)
    assert refused.status_code == 409
    assert "The document has changed" in refused.json()["detail"]
    assert both.raw() == before
    one.refresh_from_db()
    assert (one.waits, AuditEntry.objects.count()) == (True, 0)


def test_what_the_target_refuses_is_said(operator: APIClient, both: Both) -> None:
    both.put()
    both.atlas.command("collMod", "orders", validator={"a": {"$type": "string"}})
    refused = resolve(operator, rows.conflict(LOCAL, ATLAS, winner="open"), "local")
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("Atlas refuses the version: ")
    assert both.raw()[1] == bson.encode(ATLAS)


def test_a_decided_conflict_has_nothing_to_decide(operator: APIClient, both: Both) -> None:
    for one in (
        rows.conflict(LOCAL, ATLAS),
        rows.conflict({"_id": 2}, None, winner="open", resolved_at=timezone.now()),
    ):
        assert resolve(operator, one, "local").status_code == 409


def test_one_that_waits_has_no_loser_to_restore(operator: APIClient, both: Both) -> None:
    one = rows.conflict(LOCAL, ATLAS, winner="open")
    refused = operator.post(f"{ROOT}/conflicts/{one.pk}/restore")
    assert (refused.status_code, "neither version" in refused.json()["detail"]) == (409, True)


def test_its_loser_can_be_restored_once_it_is_decided(operator: APIClient, both: Both) -> None:
    both.put()
    one = rows.conflict(LOCAL, ATLAS, winner="open")
    resolve(operator, one, "atlas")
    assert operator.post(f"{ROOT}/conflicts/{one.pk}/restore").status_code == 200
    assert both.raw() == [bson.encode(LOCAL), bson.encode(ATLAS)]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({}, "winner is missing; allowed: local, atlas"),
        ({"winner": "open"}, 'winner is "open"; allowed: local, atlas'),
    ],
)
def test_a_wrong_winner_is_named(operator: APIClient, body: dict[str, Any], line: str) -> None:
    one = rows.conflict(LOCAL, ATLAS, winner="open")
    answer = operator.post(f"{ROOT}/conflicts/{one.pk}/resolve", body, format="json")
    assert (answer.status_code, answer.json()["detail"]) == (400, line)


@pytest.mark.parametrize(
    ("side", "name"), [("mongodb_uri", "The local MongoDB"), ("mongodb_atlas_uri", "Atlas")]
)
def test_a_side_that_cannot_be_reached_is_named(
    operator: APIClient, both: Both, local_server: Mongod, atlas_server: Mongod, change_settings: Change,
    side: str, name: str,
) -> None:  # fmt: skip
    both.put()
    uris = {
        "mongodb_uri": local_server.uri(both.local.name), "mongodb_atlas_uri": atlas_server.uri(both.atlas.name),
    }  # fmt: skip
    change_settings(**{**uris, side: "mongodb://127.0.0.1:1/shop"})
    answer = resolve(operator, rows.conflict(LOCAL, ATLAS, winner="open"), "local")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith(f"{name} cannot be reached: ")


def test_those_that_wait_are_counted_and_listed(reader: APIClient) -> None:
    rows.conflict({"_id": 1}, None, winner="open")
    rows.conflict({"_id": 2}, None, winner="open", resolved_at=timezone.now())
    rows.conflict({"_id": 3}, None)
    body = reader.get(f"{ROOT}/conflicts", {"waiting": "true"}).json()
    assert (body["totalConflicts"], body["waiting"], body["atlasWins"]) == (3, 1, 1)
    assert [(row["documentId"]["$numberInt"], row["loser"]) for row in body["results"]] == [("1", "")]
    assert reader.get(f"{ROOT}/conflicts", {"waiting": "false"}).json()["count"] == 2


# Field by field, or a document of one's own

MENU = (
    {"_id": 1, "name": "soup", "price": 1, "same": [1]},
    {"_id": 1, "name": "stew", "same": [1], "new": Int64(2)},
)
BY_FIELD = {"name": "atlas", "price": "local", "new": "atlas"}


def post(client: APIClient, conflict: Conflict, **body: Any) -> Any:
    return client.post(f"{ROOT}/conflicts/{conflict.pk}/resolve", body, format="json")


def pushed(both: Both) -> list[bytes | None]:
    """What sync makes of what it finds: the listener hands the key out."""
    processor = ChangeProcessor(both.local, both.atlas, rows.DEVICE)
    key = document_key("orders", bson.encode({"_id": 1}))
    fact = Fact(1, 1, rows.DEVICE)
    batch = Batch(
        "task", Side.LOCAL, "orders", (WorkItem(key, {Side.LOCAL: fact}),), dict.fromkeys(BOTH, 1 << 63)
    )
    processor.process(batch, Policy("manual"))
    return both.raw()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"fields": BY_FIELD}, {"_id": 1, "name": "stew", "price": 1, "same": [1], "new": Int64(2)}),
        ({"fields": BY_FIELD | {"new": "local"}}, {"_id": 1, "name": "stew", "price": 1, "same": [1]}),
        (
            {"document": {"name": "mine", "n": {"$numberLong": "3"}}},
            {"_id": 1, "name": "mine", "n": Int64(3)},
        ),
        ({"document": {"n": 1, "_id": 1.0}}, {"_id": 1, "n": 1}),
    ],
)
def test_a_third_version_is_written_here_and_pushed(
    operator: APIClient, operator_user: User, both: Both, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    prepare(both.local, both.atlas, 24)
    both.put(*MENU)
    one = rows.conflict(*MENU, winner="open")
    answer = post(operator, one, **body)
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert (found["winner"], found["loser"], found["resolvedBy"]) == ("merged", "", operator_user.username)
    assert both.raw() == [bson.encode(expected), bson.encode(MENU[1])]
    assert pushed(both) == [bson.encode(expected)] * 2


NESTED = (
    {"_id": 1, "a": {"x": 1, "deep": {"n": 1, "m": Int64(1)}, "here": 1}, "v": 1},
    {"_id": 1, "a": {"x": 2, "deep": {"n": 2, "m": 1}, "there": 1}, "v": 1},
)
PATHS = ("a.x", "a.deep.n", "a.deep.m", "a.here", "a.there")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            dict(zip(PATHS, ("local", "atlas", "local", "atlas", "atlas"), strict=True)),
            {"x": 1, "deep": {"n": 2, "m": Int64(1)}, "there": 1},
        ),
        ({"a": "local", "a.deep": "atlas"}, {"x": 1, "deep": {"n": 2, "m": 1}, "here": 1}),
        ({"a": "local", "a.deep.n": "atlas"}, {"x": 1, "deep": {"n": 2, "m": Int64(1)}, "here": 1}),
    ],
)
def test_fields_within_documents_are_chosen_by_their_paths(
    operator: APIClient, both: Both, fields: dict[str, str], expected: dict[str, Any]
) -> None:
    prepare(both.local, both.atlas, 24)
    both.put(*NESTED)
    one = rows.conflict(*NESTED, winner="open")
    for left_out in PATHS if len(fields) == len(PATHS) else ():
        told = post(operator, one, fields={k: v for k, v in fields.items() if k != left_out}).json()
        assert told["detail"] == f"fields has no choice for '{left_out}', in which both versions differ"
    assert (
        "fields that differ: a.x, a.deep.n, " in post(operator, one, fields={"a.y": "local"}).json()["detail"]
    )
    assert post(operator, one, fields=fields).status_code == 200
    assert pushed(both) == [bson.encode({"_id": 1, "a": expected, "v": 1})] * 2


def test_two_fields_of_one_name_cannot_be_told_apart(operator: APIClient) -> None:
    one = rows.conflict(*MENU, winner="open")
    twice = wrap(elements_of({"_id": 1}) + elements_of({"a": 1}) + elements_of({"a": 2}))
    Conflict.objects.filter(pk=one.pk).update(local_raw=twice)
    refused = post(operator, one, fields={"a": "local"})
    assert (refused.status_code, "have one name" in refused.json()["detail"]) == (400, True)


def test_the_choice_of_one_side_in_all_fields_is_that_version(operator: APIClient, both: Both) -> None:
    both.put(*MENU)
    one = rows.conflict(*MENU, winner="open")
    assert post(operator, one, fields=dict.fromkeys(BY_FIELD, "local")).json()["winner"] == "local"
    assert both.raw() == [bson.encode(MENU[0])] * 2


@pytest.mark.parametrize("changed", [0, 1])
@pytest.mark.parametrize("body", [{"fields": BY_FIELD}, {"document": {"a": 1}}])
def test_nor_is_a_newer_edit_overwritten_by_a_third_version(
    operator: APIClient, both: Both, changed: int, body: Any
) -> None:
    versions = list(MENU)
    versions[changed] = {"_id": 1, "newer": True}
    both.put(*versions)
    before = both.raw()
    refused = post(operator, rows.conflict(*MENU, winner="open"), **body)
    assert (refused.status_code, "The document has changed" in refused.json()["detail"]) == (409, True)
    assert both.raw() == before
    assert not both.local["_sync_state"].count_documents({})


def test_the_versions_that_a_person_saw_are_named(operator: APIClient, both: Both) -> None:
    both.put(*MENU)
    one = rows.conflict(*MENU, winner="open")
    shown = operator.get(f"{ROOT}/conflicts/{one.pk}").json()
    seen = {"local": shown["localHash"], "atlas": shown["atlasHash"]}
    plain = content_hash(bson.encode(MENU[0])).hex()
    assert (len(seen["local"]), seen["local"] == plain) == (32, False), (
        "nobody can try values of a masked field"
    )
    refused = post(operator, one, winner="local", seen=seen | {"atlas": "0" * 32})
    assert (refused.status_code, "not those that you saw" in refused.json()["detail"]) == (409, True)
    assert post(operator, one, winner="local", seen=seen).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "winner is missing; allowed: local, atlas"),
        ({"winner": "local", "document": {}}, "Give one of winner, document and fields"),
        ({"fields": {"name": "atlas"}}, "fields has no choice for 'price', in which both versions differ"),
        (
            {"fields": BY_FIELD | {"same": "atlas"}},
            'fields is "same"; allowed: fields that differ: name, price, new',
        ),
        ({"fields": BY_FIELD | {"name": "mine"}}, 'fields.name is "mine"; allowed: local or atlas'),
        ({"document": {"_id": 2}}, "allowed: a document with the same _id, or without one"),
        ({"document": {"n": {"$numberLong": "x"}}}, "document cannot be stored: "),
        ({"document": [1]}, "document"),
        ({"winner": "local", "seen": {"local": "x", "atlas": "0" * 32}}, "local"),
    ],
)
def test_a_wrong_choice_is_refused(operator: APIClient, both: Both, body: Any, said: str) -> None:
    both.put(*MENU)
    refused = post(operator, rows.conflict(*MENU, winner="open"), **body)
    assert refused.status_code == 400, refused.json()
    assert said in refused.json()["detail"]
    assert both.raw() == [bson.encode(one) for one in MENU]


def test_of_a_document_that_one_side_deleted_there_are_no_fields_to_choose(
    operator: APIClient, both: Both
) -> None:
    prepare(both.local, both.atlas, 24)
    both.put(MENU[0], None)
    one = rows.conflict(MENU[0], None, winner="open")
    assert (
        "One side has deleted the document" in post(operator, one, fields={"name": "local"}).json()["detail"]
    )
    assert post(operator, one, document={"name": "mine"}).status_code == 200
    assert pushed(both) == [bson.encode({"_id": 1, "name": "mine"})] * 2


def test_a_validation_rule_is_asked_first(operator: APIClient, both: Both) -> None:
    both.put(*MENU)
    ValidationRule.objects.create(pattern="orders", schema={"required": ["total"]})
    refused = post(operator, rows.conflict(*MENU, winner="open"), document={"a": 1})
    assert (refused.status_code, "total is missing" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize("winner", ["local", "atlas"])
def test_a_sum_does_not_take_the_choice_for_two_changes(operator: APIClient, both: Both, winner: str) -> None:
    prepare(both.local, both.atlas, 24)
    both.put({"_id": 1, "n": 10}, {"_id": 1, "n": 10})
    rule = CollectionRule(strategy="field-merge", numbers={"n": "sum"})
    key = document_key("orders", bson.encode({"_id": 1}))
    batch = Batch("task", Side.LOCAL, "orders", (WorkItem(key),), dict.fromkeys(BOTH, 1 << 63))
    ChangeProcessor(both.local, both.atlas, rows.DEVICE).process(batch, Policy("field-merge", rule=rule))
    versions = {"_id": 1, "n": 9}, {"_id": 1, "n": 8}
    both.put(*versions)
    assert resolve(operator, rows.conflict(*versions, winner="open"), winner).status_code == 200
    ChangeProcessor(both.local, both.atlas, rows.DEVICE).process(batch, Policy("field-merge", rule=rule))
    assert both.raw() == [bson.encode({"_id": 1, "n": 9 if winner == "local" else 8})] * 2
