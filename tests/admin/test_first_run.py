"""The page "First run": what was found, the questions, the preview, and the choice, which is made once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.models import Instance
from syncapp.services import first_run
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import Counts, Report, State
from tests.api.conftest import Change

pytestmark = pytest.mark.django_db
PAGE = "/admin/syncapp/instance/first-run/"
ANSWERS = {"differing": "newest", "timestamp_field": "updatedAt", "only_atlas": "pull", "only_local": "leave"}


@pytest.fixture
def waiting(
    everything: None, local_db: Database[Any], local_server: Mongod, change_settings: Change
) -> Database[Any]:
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    report = Report({"<b>orders</b>": Counts(equal=7, different=5, only_local=2, only_atlas=3)})
    first_run_record.save_waiting(local_db, report)
    Instance.objects.update(waiting_for="The two databases hold different documents")
    return local_db


def text(client: Client, **answers: str) -> str:
    answer = client.post(PAGE, answers) if answers else client.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_asks_and_says_what_each_answer_does(superuser: Client, waiting: Database[Any]) -> None:
    assert reverse("admin:syncapp_first_run") == PAGE
    page = text(superuser)
    assert "5 documents on both sides, with different contents" in page
    assert "3 documents inserted" in page
    assert "<b>orders</b>" not in page.replace("<b>&lt;b&gt;", ""), "data is text, never markup"
    assert f'href="{PAGE}"' in page, "the menu leads to it while it waits"


def test_the_menu_marks_it_and_not_the_device(superuser: Client, waiting: Database[Any]) -> None:
    groups = superuser.get(PAGE).context["sidebar_navigation"]
    assert [item["title"] for group in groups for item in group["items"] if item["active"]] == ["First run"]


def test_a_preview_writes_nothing_and_confirming_chooses(superuser: Client, waiting: Database[Any]) -> None:
    page = text(superuser, **ANSWERS)
    assert "5 documents written on the side that holds the older version" in page
    assert "2 documents left unchanged" in page
    assert first_run.show().state is State.WAITING
    assert superuser.post(PAGE, {**ANSWERS, "confirmed": "on"}).headers["Location"] == PAGE
    assert first_run.show().state is State.CHOSEN
    assert "newest:updatedAt" in str(first_run.show().choice)
    again = superuser.post(PAGE, {**ANSWERS, "confirmed": "on"})
    assert "The choice is being carried out" in again.content.decode()


def test_a_missing_answer_is_asked_for_at_its_field(superuser: Client, waiting: Database[Any]) -> None:
    page = text(superuser, **{**ANSWERS, "timestamp_field": ""})
    assert "Name the field that holds the time of the last change" in page
    assert "This field is required" in text(superuser, differing="local")
    assert first_run.show().state is State.WAITING


def test_who_goes_back_to_the_answers_finds_his_own(superuser: Client, waiting: Database[Any]) -> None:
    page = text(superuser, **ANSWERS, again="on")
    assert 'value="updatedAt"' in page
    assert re.findall(r'value="(\w+)"[^>]* checked', page) == ["newest", "pull", "leave"]
    assert first_run.show().state is State.WAITING


def test_who_may_only_look_cannot_choose(viewer: Client, waiting: Database[Any]) -> None:
    assert "An operator can choose" in text(viewer)
    assert viewer.post(PAGE, {**ANSWERS, "confirmed": "on"}).status_code == 403
    assert first_run.show().state is State.WAITING


def test_the_menu_forgets_it_when_it_is_done(superuser: Client, waiting: Database[Any]) -> None:
    first_run_record.finish(waiting, Report(), None)
    Instance.objects.update(waiting_for="")
    page = text(superuser)
    assert "The first run is done" in page
    assert f'href="{PAGE}"' not in page


def test_without_the_local_database_it_says_so(superuser: Client, change_settings: Change) -> None:
    change_settings(mongodb_uri="")
    assert "MONGODB_URI is not set" in text(superuser)
