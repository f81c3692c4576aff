"""The self-test by API: what was found, the start by an operator, and one at a time."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry
from syncapp.services import selftest
from syncapp.store import selftest as record
from syncapp.store.names import METADATA
from syncapp.store.selftest import State
from tests.api.conftest import ROOT, Change

pytestmark = pytest.mark.django_db
ADDRESS = f"{ROOT}/selftest"
RESULT = {
    "ok": True,
    "parts": [
        {"name": "basic", "ok": True, "figures": {"seconds": 1.5}, "lines": [{"ok": True, "text": "fine"}]}
    ],
    "current": None,
}


@pytest.fixture
def local(
    local_db: Database[Any], local_server: Mongod, change_settings: Change, monkeypatch: pytest.MonkeyPatch
) -> Database[Any]:
    """Nobody runs what is started: tests/integration/test_selftest.py does."""
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    monkeypatch.setattr(selftest, "_spawn", lambda run: None)
    return local_db


def test_there_was_none(local: Database[Any], reader: APIClient) -> None:
    found = reader.get(ADDRESS).json()
    assert (found["state"], found["ok"], found["parts"]) == ("none", None, [])


def test_an_operator_starts_it_and_it_is_in_the_audit_log(local: Database[Any], operator: APIClient) -> None:
    answer = operator.post(ADDRESS, {"parts": ["loops", "basic", "loops"], "seconds": 5}, format="json")
    assert answer.status_code == 202
    assert answer.json()["wanted"] == ["basic", "loops"]
    assert (answer.json()["state"], answer.json()["by"]) == ("waiting", "operator")
    entry = AuditEntry.objects.get()
    assert (str(entry.user), entry.action, entry.detail) == ("operator", "self-test", "basic, loops")
    second = operator.post(ADDRESS, {}, format="json")
    assert (second.status_code, second.json()["code"]) == (409, "overtaken")
    assert AuditEntry.objects.count() == 1


def test_without_names_it_is_everything_but_load(local: Database[Any], operator: APIClient) -> None:
    wanted = operator.post(ADDRESS, {}, format="json").json()["wanted"]
    assert "performance" in wanted
    assert "load" not in wanted


@pytest.mark.parametrize(
    "body", [{"parts": ["no"]}, {"parts": "basic"}, {"seconds": 0}, {"rate": 1.5}, {"part": ["basic"]}]
)
def test_wrong_input_starts_nothing(local: Database[Any], operator: APIClient, body: dict[str, Any]) -> None:
    answer = operator.post(ADDRESS, body, format="json")
    assert answer.status_code == 400
    assert "allowed: " in answer.json()["detail"]
    assert record.load(local) is None


def test_the_result_of_the_last_one(local: Database[Any], reader: APIClient) -> None:
    wanted = selftest.wanted(["basic"], by="manage.py")
    assert record.reserve(local, wanted, State.RUNNING)
    record.note_result(local, wanted.run, {**RESULT, "current": "basic"})
    found = reader.get(ADDRESS).json()
    assert (found["state"], found["current"], found["ok"]) == ("running", "basic", None)
    record.finish(local, wanted.run, State.DONE, RESULT)
    found = reader.get(ADDRESS).json()
    assert (found["state"], found["current"], found["ok"]) == ("done", None, True)
    assert found["parts"] == RESULT["parts"]
    assert found["endedAt"] >= found["startedAt"]


def test_one_whose_process_has_ended_is_interrupted_and_another_may_begin(local: Database[Any]) -> None:
    wanted = selftest.wanted(["basic"])
    assert record.reserve(local, wanted, State.RUNNING)
    assert not record.reserve(local, selftest.wanted(["loops"]), State.RUNNING)
    local[METADATA].update_one({"_id": "selftest"}, {"$set": {"pid": 2**22 + 1}})  # above any pid
    found = record.load(local)
    assert found is not None
    assert found.state is State.INTERRUPTED
    assert record.reserve(local, selftest.wanted(["loops"]), State.RUNNING)
    local[METADATA].update_one({"_id": "selftest"}, {"$set": {"host": "another"}})
    assert not record.reserve(local, selftest.wanted(["rules"]), State.RUNNING), "its lease is valid"


def test_a_database_that_is_away_is_said(operator: APIClient, change_settings: Change) -> None:
    change_settings(mongodb_uri="mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=10")
    answer = operator.post(ADDRESS, {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (503, "unreachable")
