"""Masked fields: nobody without the permission sees them, on any page, in the API, or in what is sent."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pymongo.database import Database
from rest_framework.test import APIClient

from monitoring.alerts.events import KINDS
from syncapp.core.field_paths import MASK, masked
from syncapp.embedded.mongod import Mongod
from syncapp.models import Conflict, RejectedChange
from syncapp.services import collection_rules, roles
from syncapp.services.masked import Masks
from syncapp.services.reasons import reasons_of
from tests.api.conftest import ROOT, Change, client_of
from tests.support import rows

pytestmark = pytest.mark.django_db
PHONE = "0301234567"
CUSTOMER = {"_id": 1, "customer": {"name": "Ada", "phone": PHONE}, "lines": [{"note": PHONE, "n": 1}], "x": 1}


@pytest.fixture
def operator(db: None) -> User:
    """Acts, and sees all but masked fields."""
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=("operate_sync", "see_bodies")))
    return user


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def kept(db: None) -> None:
    masks = ["customer.phone", "lines.note"]
    collection_rules.set_rule({"pattern": "orders", "maskedFields": masks})
    rows.conflict(CUSTOMER, {**CUSTOMER, "x": 2}, ago=dt.timedelta(minutes=1))
    reason = f'Validation rule orders: customer.phone is "{PHONE}"; allowed: "1"'
    rows.rejected(
        document=rows.extended(CUSTOMER), other_id="5", other_document=rows.extended(CUSTOMER), reason=reason
    )


def addresses() -> list[str]:
    conflict, change = Conflict.objects.get(), RejectedChange.objects.get()
    return [
        reverse("admin:syncapp_conflict_change", args=[conflict.pk]),
        reverse("admin:syncapp_rejectedchange_change", args=[change.pk]),
        reverse("admin:syncapp_rejectedchange_changelist"),
        f"{ROOT}/conflicts/{conflict.pk}",
        f"{ROOT}/conflicts",
        f"{ROOT}/rejected/{change.pk}",
        f"{ROOT}/rejected",
    ]


def shown_to(user: User, address: str) -> str:
    client: Client | APIClient = client_of(user) if address.startswith(ROOT) else Client()
    if isinstance(client, Client) and not isinstance(client, APIClient):
        client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_only_the_permission_shows_masked_fields(kept: None, operator: User, admin: User) -> None:
    for address in addresses():
        assert PHONE not in shown_to(operator, address), address
    details = [one for one in addresses() if one.rpartition("/")[2].isdigit() or "/change/" in one]
    for address in details:
        text = shown_to(operator, address)
        assert MASK in text or "\\u2022" in text, address
        assert "Ada" in text, "the rest is shown"
        assert PHONE in shown_to(admin, address), address


def test_the_permission_is_nobodys_by_looking(db: None) -> None:
    """Whoever looks at sync is given the permissions whose names begin with view_."""
    roles.seed()
    for name in (roles.VIEWERS, roles.OPERATORS):
        user = User.objects.create_user(name)
        user.groups.add(roles.Group.objects.get(name=name))
        assert not roles.may_see_masked(User.objects.get(pk=user.pk)), name


def test_the_current_document_is_masked_too(
    kept: None,
    operator: User,
    admin: User,
    local_server: Mongod,
    local_db: Database[Any],
    atlas_server: Mongod,
    atlas_db: Database[Any],
    change_settings: Change,
) -> None:
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    local_db["orders"].insert_one({**CUSTOMER, "x": 3})
    now = reverse("admin:syncapp_conflict_now", args=[Conflict.objects.get().pk])
    for address in (now, reverse("admin:syncapp_document") + "?collection=orders&id=1"):
        assert PHONE not in shown_to(operator, address), address
        assert PHONE in shown_to(admin, address), address


def test_what_is_shown_to_all_is_masked(kept: None, admin: User) -> None:
    assert PHONE not in shown_to(admin, "/monitoring/live")
    change = RejectedChange.objects.get()
    key = (change.collection, change.document_id, "")
    assert reasons_of([key])[key].text == "Not shown: the reason is about the masked field customer.phone"
    (event,), _ = KINDS["change-rejected"]({"from": 0, "to": 0})
    assert PHONE not in repr(event)


def test_other_collections_and_reasons_are_as_they_are(kept: None, operator: User) -> None:
    masks = Masks(operator)
    assert masks.document("bills", '{"customer": {"phone": 1}}') == '{"customer": {"phone": 1}}'
    assert masks.document("orders", "") == ""
    assert masks.reason("orders", "Atlas refuses the telephone") == "Atlas refuses the telephone"


def test_paths_reach_into_arrays() -> None:
    document = {"a": [{"b": 1, "c": 2}, 5, [{"b": 3}]], "b": 4}
    assert masked(document, ["a.b"]) == {"a": [{"b": MASK, "c": 2}, 5, [{"b": MASK}]], "b": 4}
    assert masked(document, ["a", "x.y"]) == {"a": MASK, "b": 4}
