"""Whoever adds a pattern is told what it matches now on both sides: by API, admin and command."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, ExcludedCollection
from tests.api.conftest import ROOT, Change, client_of

pytestmark = pytest.mark.django_db
NONE = {"count": 0, "collections": []}


@pytest.fixture
def both(
    local_server: Mongod,
    local_db: Database[Any],
    atlas_server: Mongod,
    atlas_db: Database[Any],
    change_settings: Change,
) -> None:
    """Local holds temp_a and temp_b, Atlas temp_a; beside them what no pattern is told to match."""
    for database, names in (
        (local_db, ("temp_b", "temp_a", "orders", "_sync_state")),
        (atlas_db, ("temp_a",)),
    ):
        for name in names:
            database.create_collection(name)
    local_db.create_collection("temp_view", viewOn="orders", pipeline=[])
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )


@pytest.fixture
def operator(db: None) -> APIClient:
    return client_of(User.objects.create_superuser("operator"))


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_exclusions", *arguments, stdout=out)
    return out.getvalue().strip()


def test_the_api_answers_with_the_matches(both: None, operator: APIClient) -> None:
    added = operator.post(f"{ROOT}/exclusions", {"pattern": "temp_*"}, format="json")
    assert added.status_code == 201
    assert added.json()["matches"] == {
        "local": {"count": 2, "collections": ["temp_a", "temp_b"]},
        "atlas": {"count": 1, "collections": ["temp_a"]},
    }
    body = {"pattern": "tmep_*", "schema": {"required": ["a"]}}
    made = operator.put(f"{ROOT}/rules/validation", body, format="json")
    assert (made.status_code, made.json()["matches"]) == (200, {"local": NONE, "atlas": NONE})


def test_a_side_that_is_away_keeps_nobody_from_excluding(
    both: None, operator: APIClient, change_settings: Change, local_server: Mongod, local_db: Database[Any]
) -> None:
    change_settings(mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri="")
    added = operator.post(f"{ROOT}/exclusions", {"pattern": "temp_*"}, format="json")
    assert added.status_code == 201
    assert added.json()["matches"]["atlas"] is None
    assert added.json()["matches"]["local"]["count"] == 2
    assert command("list").endswith(
        "Local: temp_a, temp_b; Atlas: unknown (Atlas is not configured: MONGODB_ATLAS_URI is not set)"
    )


def test_the_admin_says_it_after_saving(both: None, superuser: Client) -> None:
    page = reverse("admin:syncapp_excludedcollection_add")
    saved = superuser.post(page, {"pattern": "temp_?"}, follow=True).content.decode()
    assert "temp_? matches now: Local: temp_a, temp_b; Atlas: temp_a." in saved
    saved = superuser.post(page, {"pattern": "tmep_*"}, follow=True).content.decode()
    assert "tmep_* matches no collection now, on either side." in saved
    rule = {"pattern": "orders", "schema": '{"required": ["a"]}'}
    saved = superuser.post(reverse("admin:syncapp_validationrule_add"), rule, follow=True).content.decode()
    assert "orders matches now: Local: orders; Atlas: none." in saved


def test_the_command_adds_lists_and_removes(both: None) -> None:
    assert command() == "No exclusions: every collection is pulled from Atlas"
    assert command("add", "temp_*") == "temp_* matches now: Local: temp_a, temp_b; Atlas: temp_a"
    assert command("add", "tmep_*") == "tmep_* matches no collection now, on either side"
    assert command("list").splitlines()[1] == "tmep_* matches no collection now, on either side"
    (first, _) = json.loads(command("list", "--json"))
    assert (first["pattern"], first["matches"]["local"]["count"]) == ("temp_*", 2)
    assert command("remove", "tmep_*").startswith("tmep_* is no longer excluded")
    assert [one.pattern for one in ExcludedCollection.objects.all()] == ["temp_*"]
    assert AuditEntry.objects.filter(action="exclude collection").count() == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["add", "_sync_state"], "never synchronised"),
        (["add", "[abc"], 'pattern is "[abc"; allowed: the name of a collection'),
        (["add"], "take one pattern"),
        (["list", "temp_*"], "take one pattern"),
        (["remove", "temp_*"], "not among the excluded patterns"),
    ],
)
def test_the_command_refuses_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(CommandError) as refused:
        command(*arguments)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not ExcludedCollection.objects.exists()


def test_what_an_older_version_let_in_can_be_removed(both: None, operator: APIClient) -> None:
    for pattern in ("[abc", "foo..bar", "a{b"):
        ExcludedCollection.objects.create(pattern=pattern)
    assert operator.delete(f"{ROOT}/exclusions", {"pattern": "[abc"}, format="json").status_code == 204
    assert operator.delete(f"{ROOT}/exclusions?pattern=foo..bar").status_code == 204
    command("remove", "a{b")
    assert not ExcludedCollection.objects.exists()
