"""What can be changed in the admin goes through the services: the audit log knows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, Conflict, ExcludedCollection
from syncapp.rules.switches import get_switches
from syncapp.services.switches import change_switches
from tests.api.conftest import Change

pytestmark = pytest.mark.django_db


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "detail"))


@pytest.fixture
def switches_page(everything: None) -> str:
    AuditEntry.objects.all().delete()
    return reverse("admin:syncapp_syncswitches_change", args=[1])


def test_the_toggle(superuser: Client, switches_page: str) -> None:
    answer = superuser.post(switches_page, {"enabled": "on", "strategy": "last-write-wins"})
    assert answer.status_code == 302
    switches = get_switches()
    assert (switches.enabled, switches.paused) == (True, False)
    assert audited() == [("set enabled", "enabled: off → on")]
    assert AuditEntry.objects.get().user == User.objects.get(username="root")


def test_a_page_that_was_open_for_long_does_not_undo_what_others_changed(
    superuser: Client, switches_page: str
) -> None:
    from django.test import RequestFactory

    from syncapp.admin.switches import SyncSwitchesAdmin
    from syncapp.models import SyncSwitches

    request = RequestFactory().post(switches_page, {"paused": "on", "strategy": "last-write-wins"})
    request.user = User.objects.get(username="root")
    from django.contrib import admin

    page = SyncSwitchesAdmin(SyncSwitches, admin.site)
    opened = get_switches()
    form = page.get_form(request, opened, change=True)(request.POST, instance=opened)
    assert form.is_valid()
    change_switches(enabled=True)
    page.save_model(request, form.save(commit=False), form, change=True)
    switches = get_switches()
    assert (switches.enabled, switches.paused) == (True, True)


def test_staff_without_the_permission_cannot_switch(viewer: Client, switches_page: str) -> None:
    answer = viewer.post(switches_page, {"enabled": "on", "strategy": "last-write-wins"})
    assert answer.status_code == 403
    assert not get_switches().enabled


def test_exclusions_are_added_and_removed(superuser: Client, switches_page: str) -> None:
    ExcludedCollection.objects.all().delete()
    added = superuser.post(reverse("admin:syncapp_excludedcollection_add"), {"pattern": "logs_*"})
    assert added.status_code == 302
    entry = ExcludedCollection.objects.get()
    superuser.post(reverse("admin:syncapp_excludedcollection_delete", args=[entry.pk]), {"post": "yes"})
    assert not ExcludedCollection.objects.exists()
    assert audited() == [("exclude collection", "logs_*"), ("include collection", "logs_*")]


def test_several_exclusions_are_removed_at_once(superuser: Client, switches_page: str) -> None:
    before = get_switches().version
    body = {
        "action": "delete_selected",
        "_selected_action": list(ExcludedCollection.objects.values_list("pk", flat=True)),
        "post": "yes",
    }
    superuser.post(reverse("admin:syncapp_excludedcollection_changelist"), body)
    assert not ExcludedCollection.objects.exists()
    assert get_switches().version > before, "the listener takes it up without a restart"


def test_a_wrong_pattern_is_refused_with_what_is_allowed(superuser: Client, switches_page: str) -> None:
    answer = superuser.post(reverse("admin:syncapp_excludedcollection_add"), {"pattern": "a b"})
    assert answer.status_code == 200
    assert "without spaces" in answer.content.decode()


@pytest.fixture
def lost(everything: None) -> Conflict:
    return Conflict.objects.get(winner="atlas", document_id='{"$numberInt": "1"}')


def restore_page(conflict: Conflict) -> str:
    return reverse("admin:syncapp_conflict_restore_loser", args=[conflict.pk])


def test_both_versions_stand_side_by_side_as_text(superuser: Client, lost: Conflict) -> None:
    page = superuser.get(reverse("admin:syncapp_conflict_change", args=[lost.pk])).content.decode()
    assert "&lt;b&gt;served&lt;/b&gt;" in page, "data is text, never markup"
    assert "<b>served</b>" not in page
    assert page.count('class="isthmus-row differs"') == 1
    assert "1 field equal on both sides" in page
    assert f'href="{restore_page(lost)}"' in page, "the decision stands in the page, not only in its menu"
    assert "Restore the local version" in page


def test_its_page_leads_to_the_document_as_it_is_now_and_shows_the_base(
    superuser: Client, viewer: Client, lost: Conflict
) -> None:
    Conflict.objects.update(base_document='{"_id": 1, "status": "ordered"}')
    page = reverse("admin:syncapp_conflict_change", args=[lost.pk])
    there = f"{reverse('admin:syncapp_document')}?collection=orders&amp;id="
    shown = superuser.get(page).content.decode()
    assert (there in shown, "ordered" in shown) == (True, True)
    shown = viewer.get(page).content.decode()
    assert (there in shown, "ordered" in shown) == (False, False), "it needs the permission to see documents"


def test_what_is_there_now_stands_beside_what_a_restore_would_bring(
    superuser: Client, lost: Conflict, local_db: Database[Any], local_server: Mongod, change_settings: Change
) -> None:
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    local_db["orders"].insert_one({"_id": 1, "status": "refunded"})
    address = reverse("admin:syncapp_conflict_now", args=[lost.pk])
    piece = superuser.get(address).content.decode()
    assert "refunded" in piece
    assert "served" in piece
    change_settings(mongodb_uri="")
    assert "MONGODB_URI is not set" in superuser.get(address).content.decode()


def test_looking_at_the_dialog_changes_nothing(superuser: Client, lost: Conflict, local_db: Database) -> None:
    page = superuser.get(restore_page(lost))
    assert page.status_code == 200
    assert "Restore the losing version?" in page.content.decode()
    lost.refresh_from_db()
    assert lost.restored_at is None


def test_confirming_brings_the_loser_back(
    superuser: Client, lost: Conflict, local_db: Database[Any], local_server: Mongod, change_settings: Change
) -> None:
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    answer = superuser.post(restore_page(lost), {"_form_submitted": "on"})
    back = reverse("admin:syncapp_conflict_change", args=[lost.pk])
    assert answer.headers["HX-Redirect"] == back
    assert local_db["orders"].find_one() == {"_id": 1, "status": "<b>served</b>"}
    page = superuser.get(back).content.decode()
    assert "was restored" in page
    assert restore_page(lost) not in page, "it can be done once"
    assert superuser.get(restore_page(lost)).status_code == 403


def test_what_goes_wrong_is_said_on_the_page(superuser: Client, lost: Conflict) -> None:
    superuser.post(restore_page(lost), {"_form_submitted": "on"})
    page = superuser.get(reverse("admin:syncapp_conflict_change", args=[lost.pk])).content.decode()
    assert "MONGODB_URI is not set" in page
    lost.refresh_from_db()
    assert lost.restored_at is None


def test_restoring_needs_the_permission(viewer: Client, lost: Conflict) -> None:
    assert viewer.get(restore_page(lost)).status_code == 403
    assert viewer.post(restore_page(lost), {"_form_submitted": "on"}).status_code == 403
    user = User.objects.get(username="viewer")
    user.user_permissions.add(Permission.objects.get(codename="operate_sync"))
    assert viewer.get(restore_page(lost)).status_code == 200


def test_a_page_that_was_open_undoes_nothing_that_others_switched(superuser: Client) -> None:
    address = reverse("admin:syncapp_syncswitches_change", args=[1])
    page = superuser.get(address)
    fields = {
        one["name"]: one
        for one in (
            dict(re.findall(r'(name|value|type)="([^"]*)"', tag))
            for tag in re.findall(r"<input[^>]*>", page.content.decode())
        )
        if one.get("name", "").endswith(("enabled", "paused", "strategy"))
    }
    shown = {name: one.get("value", "") for name, one in fields.items() if one["type"] == "hidden"}
    assert set(shown) == {"initial-enabled", "initial-paused", "initial-strategy"}
    change_switches(enabled=True, paused=True)
    superuser.post(address, {**shown, "strategy": "manual"})
    switches = get_switches()
    assert (switches.enabled, switches.paused, switches.strategy) == (True, True, "manual")


def test_a_comma_is_not_all_collections() -> None:
    from syncapp.admin.runs import StartForm

    assert not StartForm(None, data={"collections": " , ", "_form_submitted": "1"}).is_valid()
    form = StartForm(None, data={"collections": "a, b", "_form_submitted": "1"})
    assert form.is_valid()
    assert form.names == ["a", "b"]
