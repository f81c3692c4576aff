"""`sync_verify --indexes` and `sync_initial --indexes`: text, JSON and exit status; and the same by API and on a page."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry
from syncapp.services.rules.exclusions import exclude
from tests.admin.conftest import everything, superuser
from tests.api.conftest import ROOT, Change, change_settings

pytestmark = pytest.mark.django_db
__all__ = ["change_settings", "everything", "superuser"]
SCHEMA = {"$jsonSchema": {"required": ["total"]}}


@pytest.fixture
def sides(
    local_db: Database[Any],
    atlas_db: Database[Any],
    local_server: Mongod,
    atlas_server: Mongod,
    change_settings: Change,
) -> tuple[Database[Any], Database[Any]]:
    """One unique index is missing on Atlas, one validator here."""
    uris = local_server.uri(local_db.name), atlas_server.uri(atlas_db.name)
    change_settings(mongodb_uri=uris[0], mongodb_atlas_uri=uris[1])
    for database in (local_db, atlas_db):
        database["orders"].insert_one({"_id": 1, "email": "x"})
        database["bills"].insert_one({"_id": 1, "total": 1})
    local_db["orders"].create_index("email", unique=True)
    atlas_db.command("collMod", "bills", validator=SCHEMA)
    return local_db, atlas_db


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*arguments, stdout=out, stderr=out)
    return int(ended.value.code or 0), out.getvalue()


@pytest.mark.parametrize("command", [("sync_verify", "--indexes", "--repair"), ("sync_initial", "--indexes")])
def test_differences_are_shown_and_copied(
    sides: tuple[Database[Any], Database[Any]], command: tuple[str, ...]
) -> None:
    code, text = run("sync_verify", "--indexes")
    assert code == 1
    assert 'orders: index "email_1" is missing on Atlas: (email ascending), unique\n' in text
    assert text.startswith("bills: validator is missing on the local side; on Atlas: ")
    assert text.endswith("2 differences in indexes, validators and options of collections.\n")
    code, text = run(*command)
    assert code == 0
    assert "→ built on Atlas\n" in text
    assert "→ set on the local side\n" in text
    assert AuditEntry.objects.filter(action="copy definition").count() == 2
    assert run("sync_verify", "--indexes") == (
        0,
        "Indexes, validators and options of collections are the same on both sides.\n",
    )


def test_a_unique_index_that_would_refuse_documents_leaves_the_exit_status_1(
    sides: tuple[Database[Any], Database[Any]],
) -> None:
    sides[1]["orders"].insert_one({"_id": 2, "email": "x"})
    code, text = run("sync_verify", "--indexes", "--repair", "--collection", "orders", "--json")
    assert code == 1
    (found,) = json.loads(text[text.index("[") :])
    assert (found["done"], found["missingOn"]) == (False, "atlas")
    assert 'email "x" in 2, among them _id 1 and _id 2' in found["outcome"]


def test_what_is_excluded_need_not_be_here(sides: tuple[Database[Any], Database[Any]]) -> None:
    sides[1]["archive"].create_index("at")
    assert "archive" in run("sync_verify", "--indexes")[1]
    exclude("archive")
    assert "archive" not in run("sync_verify", "--indexes")[1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["sync_verify", "--indexes", "--ttl"], "--ttl needs --indexes --repair"),
        (["sync_verify", "--from", "local"], "--from needs --indexes --repair"),
        (["sync_initial", "--ttl"], "--ttl needs --indexes"),
        (["sync_verify", "--indexes", "--collection", "ordres"], 'collection is "ordres"; allowed: '),
    ],
)
def test_what_makes_no_sense_is_said(
    sides: tuple[Database[Any], Database[Any]], arguments: list[str], line: str
) -> None:
    with pytest.raises(CommandError, match=r".") as refused:
        call_command(*arguments)
    assert str(refused.value).startswith(line)


def test_api_and_page_show_each_difference(
    sides: tuple[Database[Any], Database[Any]], superuser: Client
) -> None:
    found = superuser.get(f"{ROOT}/definitions").json()
    assert (found["equal"], [one["what"] for one in found["differences"]]) == (False, ["validator", "index"])
    (one,) = superuser.get(f"{ROOT}/definitions?collection=orders").json()["differences"]
    assert (one["name"], one["missingOn"], one["expires"]) == ("email_1", "atlas", False)
    assert superuser.get(f"{ROOT}/definitions?collection=ordres").status_code == 400
    page = superuser.get(reverse("admin:syncapp_definitions")).content.decode()
    assert "index email_1" in page
    sides[1]["orders"].create_index("email", unique=True)
    sides[0].command("collMod", "bills", validator=SCHEMA)
    assert superuser.get(f"{ROOT}/definitions").json() == {"equal": True, "differences": []}
    assert "the same on both sides" in superuser.get(reverse("admin:syncapp_definitions")).content.decode()
