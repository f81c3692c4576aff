"""The first run by API and command: its report, and the choice, once, by an operator."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry
from syncapp.rules.switches import get_switches
from syncapp.services import first_run
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import Counts, Report
from tests.api.conftest import ROOT, Change

pytestmark = pytest.mark.django_db
CHOICE = {"differing": "newest", "timestampField": "updatedAt", "onlyAtlas": "pull", "onlyLocal": "push"}
COUNTS = {"equal": 7, "different": 2, "onlyLocal": 1, "onlyAtlas": 0}


@pytest.fixture
def kept(local_db: Database[Any], local_server: Mongod, change_settings: Change) -> Database[Any]:
    """The local database of a device that has not started yet."""
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


@pytest.fixture
def waiting(kept: Database[Any]) -> Database[Any]:
    first_run_record.save_waiting(kept, Report({"[odd].name": Counts(equal=7, different=2, only_local=1)}))
    return kept


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_initial", *arguments, stdout=out)
    return out.getvalue()


def test_before_anything_was_compared(kept: Database[Any], reader: APIClient, operator: APIClient) -> None:
    expected = {"state": "not compared", "at": None, "report": None, "choice": None}
    assert reader.get(f"{ROOT}/initial").json() == expected
    answer = operator.post(f"{ROOT}/initial", CHOICE, format="json")
    assert answer.status_code == 409
    assert "have not been compared yet" in answer.json()["detail"]
    assert "not been compared" in command()


def test_the_report_is_shown(waiting: Database[Any], reader: APIClient) -> None:
    body = reader.get(f"{ROOT}/initial").json()
    assert body["state"] == "waiting"
    assert body["report"] == {
        "total": COUNTS,
        "collections": [{"collection": "[odd].name", "excluded": False, **COUNTS}],
    }
    assert json.loads(command("--json")) == body
    text = command()
    assert "[odd].name" in text
    assert "--differing newest" in text


def test_an_operator_chooses_once(waiting: Database[Any], operator: APIClient) -> None:
    version = get_switches().version
    answer = operator.post(f"{ROOT}/initial", CHOICE, format="json")
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["choice"]) == ("chosen", CHOICE)
    entry = AuditEntry.objects.get(action="first run")
    assert str(entry.user) == "operator"
    assert entry.detail == "differing=newest:updatedAt,only-atlas=pull,only-local=push"
    assert get_switches().version > version, "workers read the rules again"
    again = operator.post(f"{ROOT}/initial", {**CHOICE, "onlyLocal": "leave"}, format="json")
    assert again.status_code == 409
    assert first_run.show().choice is not None
    assert first_run.as_document(first_run.show())["choice"] == CHOICE
    with pytest.raises(CommandError, match="already been made"):
        command("--differing", "local", "--only-atlas", "pull", "--only-local", "push")


def test_a_report_that_comes_after_the_choice_does_not_undo_it(waiting: Database[Any]) -> None:
    command("--differing", "local", "--only-atlas", "leave", "--only-local", "push")
    first_run_record.save_waiting(waiting, Report())
    assert first_run.as_document(first_run.show())["state"] == "chosen"


def test_who_may_only_read_cannot_choose(
    waiting: Database[Any], reader: APIClient, anybody: APIClient
) -> None:
    assert reader.post(f"{ROOT}/initial", CHOICE, format="json").status_code == 403
    assert anybody.get(f"{ROOT}/initial").status_code == 401


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"differing": "oldest"}, 'differing is "oldest"; allowed: newest, local, atlas, manual'),
        ({"onlyAtlas": "push"}, 'onlyAtlas is "push"; allowed: pull, leave'),
        ({"onlyLocal": None}, "onlyLocal is null; allowed: push, leave"),
        ({"timestampField": ""}, "a timestamp field"),
        ({"differing": "atlas"}, "a timestamp field"),
    ],
)
def test_a_wrong_choice_is_named_in_one_line(
    waiting: Database[Any], operator: APIClient, change: dict[str, Any], line: str
) -> None:
    answer = operator.post(f"{ROOT}/initial", {**CHOICE, **change}, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    assert first_run.as_document(first_run.show())["state"] == "waiting"


def test_newest_without_a_field_asks_for_the_field(waiting: Database[Any]) -> None:
    with pytest.raises(CommandError, match=r"Missing: --timestamp-field \(the field"):
        command("--differing", "newest", "--only-atlas", "pull", "--only-local", "push")


def test_without_the_local_database_it_says_so(change_settings: Change, operator: APIClient) -> None:
    change_settings(mongodb_uri="")
    assert operator.get(f"{ROOT}/initial").status_code == 503
    with pytest.raises(CommandError, match="MONGODB_URI is not set"):
        command()
