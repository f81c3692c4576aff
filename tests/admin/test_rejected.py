"""Rejected changes and validation rules in the admin: the services do it, and the audit log knows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, RejectedChange, ValidationRule
from syncapp.rules.switches import get_switches
from tests.api.conftest import Change
from tests.support import rows

pytestmark = pytest.mark.django_db
LIST = "admin:syncapp_rejectedchange_changelist"
RULES = "admin:syncapp_validationrule"


@pytest.fixture
def row(everything: None) -> RejectedChange:
    AuditEntry.objects.all().delete()
    return RejectedChange.objects.get()


@pytest.fixture
def here(local_db: Database[Any], local_server: Mongod, change_settings: Change) -> Database[Any]:
    local_db["_sync_metadata"].insert_one({"_id": "instance", "instanceId": rows.DEVICE})
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


def page_of(row: RejectedChange) -> str:
    return reverse("admin:syncapp_rejectedchange_change", args=[row.pk])


def act_of(row: RejectedChange, act: str) -> str:
    return reverse(f"admin:syncapp_rejectedchange_{act}_one", args=[row.pk])


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "detail"))


def test_the_page_shows_both_documents(superuser: Client, row: RejectedChange) -> None:
    page = superuser.get(page_of(row)).content.decode()
    assert "Document that holds the value" in page
    assert "number" in page
    RejectedChange.objects.update(other_id="")
    assert "Document that holds the value" not in superuser.get(page_of(row)).content.decode()


@pytest.mark.parametrize(
    ("act", "title"), [("retry", "Try again?"), ("discard", "Discard the rejected change?")]
)
def test_looking_at_a_dialog_changes_nothing(
    superuser: Client, row: RejectedChange, here: Database[Any], act: str, title: str
) -> None:
    assert title in superuser.get(act_of(row, act)).content.decode()
    row.refresh_from_db()
    assert (row.retried_at, audited(), here["_sync_dirty"].count_documents({})) == (None, [], 0)


def test_one_click_tries_it_again(superuser: Client, row: RejectedChange, here: Database[Any]) -> None:
    answer = superuser.post(act_of(row, "retry"), {"_form_submitted": "on"})
    assert answer.headers["HX-Redirect"] == reverse(LIST)
    assert [one["key"] for one in here["_sync_dirty"].find()] == [{"_id": 1}]
    assert "1 rejected change will be retried" in superuser.get(page_of(row)).content.decode()
    assert audited() == [("retry rejected changes", "orders 1")]


def test_one_is_discarded(superuser: Client, row: RejectedChange) -> None:
    answer = superuser.post(act_of(row, "discard"), {"_form_submitted": "on"})
    assert answer.headers["HX-Redirect"] == reverse(LIST)
    assert not RejectedChange.objects.exists()
    assert audited() == [("discard rejected changes", "orders 1")]


def test_what_goes_wrong_is_said_on_the_page(superuser: Client, row: RejectedChange) -> None:
    superuser.post(act_of(row, "retry"), {"_form_submitted": "on"})
    assert "MONGODB_URI is not set" in superuser.get(page_of(row)).content.decode()
    assert audited() == []


def chosen(act: str, *picked: RejectedChange, **more: str) -> dict[str, Any]:
    return {"action": f"{act}_selected", "_selected_action": [one.pk for one in picked], **more}


def test_several_are_tried_again(superuser: Client, row: RejectedChange, here: Database[Any]) -> None:
    other, _ = rows.rejected(key=2), rows.rejected(key=3)
    assert superuser.post(reverse(LIST), chosen("retry", row, other)).status_code == 302
    assert sorted(one["key"]["_id"] for one in here["_sync_dirty"].find()) == [1, 2]


def test_all_of_a_reason_are_tried_again(superuser: Client, row: RejectedChange, here: Database[Any]) -> None:
    rows.rejected(key=2, reason="total is missing"), rows.rejected(key=3, reason="total is missing")
    body = chosen("retry", RejectedChange.objects.last(), select_across="1")
    assert superuser.post(reverse(LIST) + "?q=missing", body).status_code == 302
    assert sorted(one["key"]["_id"] for one in here["_sync_dirty"].find()) == [2, 3]


def test_several_are_discarded_after_a_question(superuser: Client, row: RejectedChange) -> None:
    other, kept = rows.rejected(key=2), rows.rejected(key=3)
    asked = superuser.post(reverse(LIST), chosen("discard", row, other)).content.decode()
    assert "Discard 2 rejected changes?" in asked
    assert RejectedChange.objects.count() == 3
    assert asked.count('name="_selected_action"') == 2
    superuser.post(reverse(LIST), chosen("discard", row, other, confirmed="yes"))
    assert RejectedChange.objects.get() == kept


def test_who_may_only_look_can_do_neither(viewer: Client, row: RejectedChange, here: Database[Any]) -> None:
    for act in ("retry", "discard"):
        assert viewer.get(act_of(row, act)).status_code == 403
        assert viewer.post(act_of(row, act), {"_form_submitted": "on"}).status_code == 403
        viewer.post(reverse(LIST), chosen(act, row, confirmed="yes"))
    assert RejectedChange.objects.get().retried_at is None
    assert "Try again" not in viewer.get(page_of(row)).content.decode()
    User.objects.get(username="viewer").user_permissions.add(Permission.objects.get(codename="operate_sync"))
    assert "Try again" in viewer.get(page_of(row)).content.decode()


def test_a_validation_rule_is_made_changed_and_removed(superuser: Client, row: RejectedChange) -> None:
    version = get_switches().version
    made = superuser.post(reverse(f"{RULES}_add"), {"pattern": "order*", "schema": '{"required": ["total"]}'})
    assert made.status_code == 302
    rule = ValidationRule.objects.get(pattern="order*")
    page = reverse(f"{RULES}_change", args=[rule.pk])
    superuser.post(page, {"schema": '{"required": ["shop"]}'})
    rule.refresh_from_db()
    assert rule.schema == {"required": ["shop"]}
    superuser.post(reverse(f"{RULES}_delete", args=[rule.pk]), {"post": "yes"})
    assert not ValidationRule.objects.filter(pattern="order*").exists()
    assert audited() == [
        ("set validation rule", 'order*: {"required": ["total"]}'),
        ("set validation rule", 'order*: {"required": ["shop"]}'),
        ("remove validation rule", "order*"),
    ]
    assert get_switches().version == version + 3, "the workers read the rules again"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"pattern": "a", "schema": "{"}, "Enter a valid JSON"),
        ({"pattern": "a", "schema": '{"format": "date"}'}, "format is not supported; supported keywords"),
        ({"pattern": "a", "schema": '{"bsonType": "text"}'}, "allowed: one or a list of double"),
        ({"pattern": "a b", "schema": '{"required": ["a"]}'}, "without spaces"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_allowed(
    superuser: Client, row: RejectedChange, body: dict[str, str], line: str
) -> None:
    answer = superuser.post(reverse(f"{RULES}_add"), body)
    assert answer.status_code == 200
    assert line in answer.content.decode()
    assert ValidationRule.objects.count() == 1
    assert audited() == []
