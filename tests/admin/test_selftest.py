"""The page "Self-test": for operators; what is chosen is started, and what was found is shown as text."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.services import selftest
from syncapp.store import selftest as record
from syncapp.store.selftest import State
from tests.api.conftest import Change

pytestmark = pytest.mark.django_db
PAGE = "/admin/syncapp/instance/selftest/"


@pytest.fixture
def local(
    everything: None,
    local_db: Database[Any],
    local_server: Mongod,
    change_settings: Change,
    monkeypatch: pytest.MonkeyPatch,
) -> Database[Any]:
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    monkeypatch.setattr(selftest, "_spawn", lambda run: None)
    return local_db


def text(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def result(*, ok: bool, current: str | None = None) -> dict[str, Any]:
    lines = [{"ok": True, "text": "<b>fine</b>"}, {"ok": ok, "text": "the second"}]
    return {
        "ok": ok,
        "current": current,
        "parts": [{"name": "loops", "ok": ok, "figures": {"seconds": 2.5}, "lines": lines}],
    }


def test_it_offers_all_parts_and_starts_the_chosen_ones(superuser: Client, local: Database[Any]) -> None:
    assert reverse("admin:syncapp_selftest") == PAGE
    page = text(superuser)
    assert page.count('name="parts"') == 10
    assert page.count("checked") == 9, "all but load"
    assert "No self-test was run yet" in page
    given = {"parts": ["loops", "load"], "seconds": "5", "rate": ""}
    assert superuser.post(PAGE, given).headers["Location"] == PAGE
    found = selftest.show()
    assert found is not None
    assert (found.wanted.parts, found.wanted.seconds, found.wanted.rate) == (("loops", "load"), 5, None)
    page = text(superuser)
    assert "0 of 2 parts" in page
    assert "hx-get" in page
    assert 'name="parts"' not in page, "one at a time"


def test_the_menu_marks_it(superuser: Client, local: Database[Any]) -> None:
    groups = superuser.get(PAGE).context["sidebar_navigation"]
    assert [item["title"] for group in groups for item in group["items"] if item["active"]] == ["Self-test"]


def test_progress_and_results_are_shown_as_text(superuser: Client, local: Database[Any]) -> None:
    wanted = selftest.wanted(["loops"], by="ada")
    assert record.reserve(local, wanted, State.RUNNING)
    record.note_result(local, wanted.run, result(ok=True, current="loops"))
    part = text(superuser, f"{PAGE}progress/")
    assert "&lt;b&gt;fine" in part
    assert "hx-get" in part
    record.finish(local, wanted.run, State.DONE, result(ok=False))
    assert superuser.get(f"{PAGE}progress/").headers["HX-Refresh"] == "true"
    page = text(superuser)
    assert "✗ Not in order: loops." in page
    assert "1 of 2" in page
    assert "started by ada" in page
    assert "<b>fine" not in page


@pytest.mark.parametrize("wrong", [{"parts": []}, {"parts": ["no"]}, {"parts": ["load"], "rate": "0"}])
def test_wrong_input_starts_nothing(superuser: Client, local: Database[Any], wrong: dict[str, Any]) -> None:
    assert superuser.post(PAGE, wrong).status_code == 200
    assert selftest.show() is None


def test_whoever_may_only_look_neither_sees_nor_starts_it(viewer: Client, local: Database[Any]) -> None:
    assert viewer.get(PAGE).status_code == 403
    assert viewer.get(f"{PAGE}progress/").status_code == 403
    assert viewer.post(PAGE, {"parts": ["loops"]}).status_code == 403
    groups = viewer.get(reverse("admin:index")).context["sidebar_navigation"]
    assert "Self-test" not in [item["title"] for group in groups for item in group["items"]]
    assert selftest.show() is None


def test_a_database_that_is_away_is_said(superuser: Client, change_settings: Change) -> None:
    change_settings(mongodb_uri="mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=10")
    assert "cannot be reached" in text(superuser)
    assert "cannot be reached" in text(superuser, f"{PAGE}progress/")
