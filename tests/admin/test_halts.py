"""The page "Halts": what happened, a button for each answer, and who may press it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, Conflict
from syncapp.store.halts import ANSWERS, Kind, raise_halt
from syncapp.store.names import HALTS
from tests.api.conftest import Change
from tests.support import rows

pytestmark = pytest.mark.django_db
PAGE = "/admin/syncapp/instance/halts/"
DELETES = "mass-delete:local:<b>orders</b>"


@pytest.fixture
def halted(
    everything: None, local_db: Database[Any], local_server: Mongod, change_settings: Change
) -> Database[Any]:
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    AuditEntry.objects.all().delete()
    collection = "<b>orders</b>"
    preview = {"deletes": 900, "samples": ['{"$numberInt": "7"}', json.dumps("ab" * 4_000), '"<i>"']}
    raise_halt(
        local_db, Kind.MASS_DELETE, "900 deletes", side=Side.LOCAL, collection=collection, preview=preview
    )
    return local_db


def text(client: Client) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_shows_what_happened_and_each_answer_with_its_meaning(
    superuser: Client, halted: Database[Any]
) -> None:
    page = text(superuser)
    assert reverse("admin:syncapp_halts") == PAGE
    assert "900 deletes" in page
    assert "Delete 900 or more on Atlas too" in page
    assert "Restore 900 or more to the local database" in page
    for answer, meaning in ANSWERS[Kind.MASS_DELETE].items():
        assert f'value="{answer}"' in page
        assert meaning in page
    assert '?collection=%3Cb%3Eorders%3C%2Fb%3E&amp;id=%7B%22%24numberInt%22%3A+%227%22%7D">7</a>' in page
    assert f"{'ab' * 29}a…" in page
    assert "id=%22abab" not in page, "too long for an address"
    assert "<i>" not in page
    assert "<b>orders</b>" not in page.replace("<b>&lt;b&gt;", ""), "data is text, never markup"


def test_looking_answers_nothing_and_pressing_does_once(superuser: Client, halted: Database[Any]) -> None:
    assert "every 2s" not in text(superuser), "a dialog may be open"
    superuser.get(PAGE, {"id": DELETES, "answer": "go-on"})
    assert not halted[HALTS].find_one({"answer": {"$exists": True}})
    for answer in ("bring-back", "go-on"):
        assert superuser.post(PAGE, {"id": DELETES, "answer": answer}).headers["Location"] == PAGE
    page = text(superuser)
    assert "Answered: Restore 900 or more to the local database. The listener" in page, "the message"
    assert "answered</span> Restore 900 or more to the local database. The listener" in page
    assert "every 2s" in page, "until it is carried out"
    assert "lready answered: bring-back" in page
    assert 'name="answer"' not in page
    entry = AuditEntry.objects.get()
    assert (str(entry.user), entry.detail) == ("root", f"{DELETES}: bring-back")


def test_who_may_only_look_sees_it_and_cannot_answer(viewer: Client, halted: Database[Any]) -> None:
    assert 'name="answer"' not in text(viewer)
    assert viewer.post(PAGE, {"id": DELETES, "answer": "go-on"}).status_code == 403
    assert not AuditEntry.objects.exists()
    User.objects.get(username="viewer").user_permissions.add(Permission.objects.get(codename="operate_sync"))
    assert viewer.post(PAGE, {"id": DELETES, "answer": "go-on"}).status_code == 302
    assert AuditEntry.objects.exists()


def test_it_is_closed_to_others(everything: None) -> None:
    assert Client().get(PAGE).status_code == 302
    guest = Client()
    guest.force_login(User.objects.create_user("guest", is_staff=True))
    assert guest.get(PAGE).status_code == 403


def test_without_the_local_database_it_says_so(superuser: Client, change_settings: Change) -> None:
    change_settings(mongodb_uri="")
    assert "MONGODB_URI is not set" in text(superuser)


def test_the_dashboard_leads_there(superuser: Client) -> None:
    assert f'href="{PAGE}"' in superuser.get(reverse("admin:index")).content.decode()
    live = superuser.get("/monitoring/live").json()
    assert (live["halts"], live["halted"]) == (0, [])
    rows.device(instance_id="another", halts=[rows.halt(), rows.halt(Kind.ATLAS_RESTORED, "keep-local")])
    live = superuser.get("/monitoring/live").json()
    assert live["halts"] == 1, "an answered one asks nobody"
    assert [halt["answer"] for halt in live["halted"]] == ["", "keep-local"]


def test_the_sidebar_marks_one_page_as_the_open_one(superuser: Client) -> None:
    for address, title in ((PAGE, "Halts"), (reverse("admin:syncapp_instance_changelist"), "This device")):
        groups = superuser.get(address).context["sidebar_navigation"]
        active = [item["title"] for group in groups for item in group["items"] if item["active"]]
        assert active == [title]


def test_the_latest_conflicts_say_which_of_them_wait(superuser: Client) -> None:
    rows.conflict({"_id": 7}, None, winner="open")
    first = superuser.get("/monitoring/live").json()["conflicts"][0]
    assert (first["winner"], first["waits"]) == ("open", True)


@pytest.fixture
def open_one(superuser: Client) -> Conflict:
    return rows.conflict({"_id": 7, "v": "here"}, {"_id": 7, "v": "there"}, winner="open")


def test_an_open_conflict_has_a_button_for_each_side(
    superuser: Client, open_one: Conflict, local_db: Database[Any], atlas_db: Database[Any],
    local_server: Mongod, atlas_server: Mongod, change_settings: Change,
) -> None:  # fmt: skip
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    local_db["orders"].insert_one({"_id": 7, "v": "here"})
    atlas_db["orders"].insert_one({"_id": 7, "v": "there"})
    change = reverse("admin:syncapp_conflict_change", args=[open_one.pk])
    page = superuser.get(change).content.decode()
    assert "Take local" in page
    assert "Take Atlas" in page
    assert "Restore the" not in page, "nobody has lost yet"
    dialog = reverse("admin:syncapp_conflict_take_local", args=[open_one.pk])
    assert "Use the local version?" in superuser.get(dialog).content.decode()
    open_one.refresh_from_db()
    assert open_one.waits, "looking at the dialog changes nothing"
    assert superuser.post(dialog, {"_form_submitted": "on"}).headers["HX-Redirect"] == change
    assert atlas_db["orders"].find_one() == {"_id": 7, "v": "here"}
    page = superuser.get(change).content.decode()
    assert "Take local" not in page
    assert "Restore the Atlas version" in page
    assert superuser.post(dialog, {"_form_submitted": "on"}).status_code == 403


def test_what_goes_wrong_is_said(superuser: Client, open_one: Conflict, change_settings: Change) -> None:
    change_settings(mongodb_uri="")
    superuser.post(
        reverse("admin:syncapp_conflict_take_atlas", args=[open_one.pk]), {"_form_submitted": "on"}
    )
    change = reverse("admin:syncapp_conflict_change", args=[open_one.pk])
    assert "MONGODB_ATLAS_URI is not set" in superuser.get(change).content.decode()


def test_whoever_may_only_look_cannot_decide(viewer: Client) -> None:
    one = rows.conflict({"_id": 7}, None, winner="open")
    for name in ("take_local", "take_atlas"):
        address = reverse(f"admin:syncapp_conflict_{name}", args=[one.pk])
        assert viewer.post(address, {"_form_submitted": "on"}).status_code == 403
