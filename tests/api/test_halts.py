"""Halts by API and command: what waits for an operator, and the answer, once."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry
from syncapp.rules.switches import get_switches
from syncapp.store.halts import ANSWERS, Kind, raise_halt
from syncapp.store.names import HALTS
from tests.api.conftest import ROOT, Change

pytestmark = pytest.mark.django_db
DELETES = "mass-delete:local:orders"
PREVIEW = {"deletes": 900, "samples": ['{"$numberInt": "7"}']}


@pytest.fixture
def kept(local_db: Database[Any], local_server: Mongod, change_settings: Change) -> Database[Any]:
    """The local database of a device of which nothing is halted."""
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


@pytest.fixture
def halted(kept: Database[Any]) -> Database[Any]:
    raise_halt(kept, Kind.ATLAS_RESTORED, "Atlas is older than this device's record of it")
    detail = "900 of 1,000 documents were deleted within a minute"
    raise_halt(kept, Kind.MASS_DELETE, detail, side=Side.LOCAL, collection="orders", preview=PREVIEW)
    return kept


def command(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("sync_halts", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def reply(client: APIClient, halt: str, answer: str) -> Any:
    return client.post(f"{ROOT}/halts/answer", {"id": halt, "answer": answer}, format="json")


def test_where_nothing_is_halted_the_list_is_empty(kept: Database[Any], reader: APIClient) -> None:
    assert reader.get(f"{ROOT}/halts").json() == {"count": 0, "next": None, "previous": None, "results": []}
    assert command() == (0, "Nothing is halted.\n")
    assert command("--json") == (0, "[]\n")


def test_halts_are_listed_with_what_each_answer_does(halted: Database[Any], reader: APIClient) -> None:
    device, collection = reader.get(f"{ROOT}/halts").json()["results"]
    assert (device["kind"], device["side"], device["collection"]) == ("atlas restored", None, "")
    assert (collection["id"], collection["side"]) == (DELETES, "local")
    assert (collection["preview"], collection["answer"]) == (PREVIEW, None)
    assert collection["answers"] == ANSWERS[Kind.MASS_DELETE]
    code, text = command()
    assert code == 2
    assert f"sync_halts answer {DELETES} go-on | bring-back" in text
    assert "For instance: 7\n" in text
    assert "900}" not in text, "no JSON that repeats the sentence"
    for answer, meaning in ANSWERS[Kind.ATLAS_RESTORED].items():
        assert f"{answer:<11} {meaning}" in text
    assert json.loads(command("--json")[1]) == [device, collection]


@pytest.mark.parametrize("name", ["a\x01b", "two\nlines", "\u202edoc", " "])
def test_a_collection_may_be_called_by_whatever_mongodb_takes(
    kept: Database[Any], operator: APIClient, name: str
) -> None:
    raise_halt(kept, Kind.STRUCTURAL, "It was dropped", side=Side.ATLAS, collection=name)
    (halt,) = operator.get(f"{ROOT}/halts").json()["results"]
    answer = reply(operator, halt["id"], "bring-back")
    assert (answer.status_code, answer.json().get("answer")) == (200, "bring-back")


@pytest.mark.parametrize("by", ["api", "command"])
def test_an_answer_is_given_once(halted: Database[Any], operator: APIClient, by: str) -> None:
    version = get_switches().version
    if by == "api":
        answer = reply(operator, DELETES, "bring-back")
        assert answer.status_code == 200
        assert answer.json()["answer"] == "bring-back"
    else:
        assert command("answer", DELETES, "bring-back")[1].startswith("Answered: bring-back")
    kept = halted[HALTS].find_one({"_id": DELETES}) or {}
    assert (kept["answer"], kept["answeredBy"]) == ("bring-back", "operator" if by == "api" else "")
    assert get_switches().version > version, "listener and workers read it"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail) == ("answer halt", f"{DELETES}: bring-back")
    for again in ("go-on", "bring-back"):
        refused = reply(operator, DELETES, again)
        assert refused.status_code == 409
        assert "lready answered: bring-back" in refused.json()["detail"]
    assert AuditEntry.objects.count() == 1
    assert command()[0] == 2, "the other one still waits"
    assert "Answered: bring-back" in command()[1]


def test_the_exit_status_tells_answered_ones_from_those_that_wait(halted: Database[Any]) -> None:
    command("answer", DELETES, "go-on")
    document = json.loads(command("--json", "answer", "atlas-restored:device:", "take-atlas")[1])
    assert document["answer"] == "take-atlas"
    assert command()[0] == 1


def test_an_answer_of_another_kind_is_refused_with_those_that_are_allowed(
    halted: Database[Any], operator: APIClient
) -> None:
    refused = reply(operator, DELETES, "new-id")
    assert refused.status_code == 400
    assert refused.json() == {
        "detail": 'answer is "new-id"; allowed: go-on, bring-back',
        "code": "wrong_input",
        "field": "answer",
    }
    with pytest.raises(CommandError, match="allowed: go-on, bring-back"):
        command("answer", DELETES, "new-id")
    assert not AuditEntry.objects.exists()


def test_what_is_not_halted_cannot_be_answered(halted: Database[Any], operator: APIClient) -> None:
    answer = reply(operator, "mass-delete:local:tables", "go-on")
    assert answer.status_code == 404
    assert "mass-delete:local:tables" in answer.json()["detail"]
    with pytest.raises(CommandError, match="There is no halt with the id"):
        command("answer", "nothing", "go-on")


@pytest.mark.parametrize("arguments", [["answer"], ["answer", DELETES], ["delete", DELETES, "go-on"]])
def test_half_a_command_says_what_is_missing(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="answer ID ANSWER"):
        command(*arguments)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({}, "id is missing"),
        ({"id": DELETES}, "answer is missing"),
        ({"id": [1], "answer": "x"}, "id is [1]"),
    ],
)
def test_a_wrong_body_is_named_in_one_line(operator: APIClient, body: dict[str, Any], line: str) -> None:
    answer = operator.post(f"{ROOT}/halts/answer", body, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]


def test_who_may_only_read_cannot_answer(
    halted: Database[Any], reader: APIClient, anybody: APIClient
) -> None:
    assert reply(reader, DELETES, "go-on").status_code == 403
    assert anybody.get(f"{ROOT}/halts").status_code == 401
    assert "answer" not in (halted[HALTS].find_one({"_id": DELETES}) or {})


def test_without_the_local_database_it_says_so(operator: APIClient, change_settings: Change) -> None:
    change_settings(mongodb_uri="")
    assert operator.get(f"{ROOT}/halts").status_code == 503
    answer = reply(operator, DELETES, "go-on")
    assert (answer.status_code, "MONGODB_URI is not set" in answer.json()["detail"]) == (503, True)
    with pytest.raises(CommandError, match="MONGODB_URI is not set"):
        command()
