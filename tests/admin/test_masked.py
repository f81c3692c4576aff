"""Masked fields: nobody without the permission sees them, on any page, in the API, or in what is sent."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import bson
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pymongo.database import Database
from rest_framework.test import APIClient

from monitoring.alerts.events import KINDS
from syncapp.core.content import content_hash, document_key
from syncapp.core.rule.field_paths import MASK, masked
from syncapp.core.strategies.callable import FAILED
from syncapp.embedded.mongod import Mongod
from syncapp.models import CollectionRule, Conflict, RejectedChange
from syncapp.services import conflicts, explain
from syncapp.services.access import roles
from syncapp.services.errors import NotPossible
from syncapp.services.masked import Masks
from syncapp.services.reasons import reasons_of
from syncapp.services.rules import collection_rules
from tests.admin.test_collection_rules import FORM
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


@pytest.fixture
def viewer(db: None) -> User:
    """Sees neither documents nor masked fields."""
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.mark.parametrize("part", ["0301", "customer", PHONE, "11000"])
def test_a_reason_that_is_not_shown_cannot_be_searched(
    kept: None, viewer: User, operator: User, admin: User, part: str
) -> None:
    rows.rejected(key=2, reason="E11000 duplicate key error: telephone 11000 0301")
    page = reverse("admin:syncapp_rejectedchange_changelist")
    found = {}
    for user in (viewer, operator, admin):
        client = Client()
        client.force_login(user)
        shown = client.get(page, {"q": part}).context["cl"].result_list
        by_api = client_of(user).get(f"{ROOT}/rejected", {"reason": part}).json()["results"]
        found[user.username] = [row.pk for row in shown], [row["id"] for row in by_api]
        assert client.get(page, {"reason__contains": part}).status_code != 200
    guarded = RejectedChange.objects.get(document_id__contains="1").pk
    assert all(guarded not in both for name in ("vera", "olga") for both in found[name])
    assert (guarded in found["root"][0]) == (guarded in found["root"][1]) == (part != "11000")
    retried = client_of(operator).post(f"{ROOT}/rejected/discard", {"reason": PHONE}, format="json")
    assert retried.status_code == 409, "nor by the number of those that were meant"


def test_masks_are_not_written_over_what_they_hide(kept: None, operator: User) -> None:
    waits = rows.conflict({**CUSTOMER, "_id": 7}, {**CUSTOMER, "_id": 7, "x": 2}, winner="open")
    client = client_of(operator)
    document = {**client.get(f"{ROOT}/conflicts/{waits.pk}").json()["localDocument"], "x": 3}
    assert document["customer"]["phone"] == MASK
    answer = client.post(f"{ROOT}/conflicts/{waits.pk}/resolve", {"document": document}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert "syncapp.see_masked" in answer.json()["detail"]
    page = Client()
    page.force_login(operator)
    decide = reverse("admin:syncapp_conflict_decide", args=[waits.pk])
    shown = page.get(decide)
    assert "Or a document of your own" not in shown.content.decode()
    assert "A document of your own cannot be written here" in shown.content.decode()
    assert "is masked for you" not in shown.content.decode(), "no masked field differs"
    change = page.get(reverse("admin:syncapp_conflict_change", args=[waits.pk])).content.decode()
    assert "3 fields equal on both sides, or masked for you" in re.sub(r"\s+", " ", change)
    phone = {**CUSTOMER, "customer": {**CUSTOMER["customer"], "phone": "2"}}
    other = rows.conflict({**CUSTOMER, "_id": 9}, {**phone, "_id": 9}, winner="open")
    hidden = page.get(reverse("admin:syncapp_conflict_decide", args=[other.pk])).content.decode()
    assert "What is shown as ••• is masked for you." in hidden
    form = {f"seen_{side}": text for side, text in shown.context["seen"].items()}
    refused = page.post(decide, {**form, "how": "document", "document": "{}"})
    assert "syncapp.see_masked" in refused.context["problem"]
    plain = rows.conflict({"_id": 8, "name": "Zoë"}, {"_id": 8, "name": "Zoe"}, winner="open")
    decide = reverse("admin:syncapp_conflict_decide", args=[plain.pk])
    assert "Or a document of your own" in page.get(decide).content.decode(), "it has no such fields"


def test_what_a_server_refuses_quotes_no_masked_field(
    kept: None, operator: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise NotPossible(f'The local MongoDB refuses the version: dup key: {{ customer.phone: "{PHONE}" }}')

    monkeypatch.setattr(conflicts, "write_natively", refused)
    address = f"{ROOT}/conflicts/{Conflict.objects.get().pk}/restore"
    for user, seen in ((operator, False), (admin, True)):
        answer = client_of(user).post(address)
        assert (answer.status_code, PHONE in answer.json()["detail"]) == (409, seen)
        answer = client_of(user).post(f"{ROOT}/conflicts/restore", {"all": True}, format="json")
        assert (PHONE in answer.content.decode()) is seen


def test_what_a_resolver_raised_quotes_no_masked_field(kept: None, viewer: User, operator: User) -> None:
    Conflict.objects.all().delete()
    why = f"shop.resolve failed (ValueError: no country code: {PHONE}); the later one won"
    row = rows.conflict(CUSTOMER, {**CUSTOMER, "x": 2}, because=why)
    Conflict.objects.update(strategy=f"{FAILED}: last-write-wins")
    for user in (viewer, operator):
        for address in (one for one in addresses() if "conflict" in one):
            shown = shown_to(user, address)
            assert PHONE not in shown, address
            assert "its error may quote a masked field" in shown, address
    key = document_key("orders", bson.encode({"_id": 1}))
    assert [PHONE in one.text for one in explain._conflicts(key)] == [False]
    row.refresh_from_db()
    assert Masks(User.objects.create_superuser("root")).because(row) == why


def test_no_hash_lets_anybody_try_the_values_of_a_masked_field(kept: None, viewer: User) -> None:
    row = Conflict.objects.get()
    plain = content_hash(bytes(row.local_raw or b"")).hex()
    assert plain not in shown_to(viewer, f"{ROOT}/conflicts/{row.pk}")
    assert explain._hash(bytes.fromhex(plain)) not in (None, plain)
    waits = rows.conflict({**CUSTOMER, "_id": 7}, None, winner="open")
    page = shown_to(viewer, reverse("admin:syncapp_conflict_change", args=[waits.pk]))
    assert waits.record_id.rpartition(":")[2] not in page


ORDERS = {"pattern": "orders", "maskedFields": ["customer.phone", "lines.note"]}


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "orders"},
        ORDERS | {"maskedFields": ["lines.note"]},
        {"pattern": "ord*", "priority": 5},
        {"pattern": "*s", "priority": 5, "maskedFields": ["customer.phone"]},
    ],
)
def test_who_may_not_see_masked_fields_does_not_unmask_them(
    kept: None, operator: User, admin: User, rule: dict[str, Any]
) -> None:
    client, page = client_of(operator), Client()
    answer = client.put(f"{ROOT}/rules", rule, format="json")
    assert (answer.status_code, answer.json()["field"]) == (403, "maskedFields")
    file = {"format": 1, "rules": [rule, *([] if rule["pattern"] == "orders" else [ORDERS])]}
    assert client.post(f"{ROOT}/rules/import", file, format="json").status_code == 403
    page.force_login(operator)
    row = CollectionRule.objects.get()
    form = {**FORM, **{name: str(rule.get(name, "100")) for name in ("pattern", "priority")}}
    form |= {"filter": "", "maskedFields": "\n".join(rule.get("maskedFields", []))}
    own = rule["pattern"] == "orders"
    change = reverse("admin:syncapp_collectionrule_change", args=[row.pk])
    shown = page.post(change if own else reverse("admin:syncapp_collectionrule_add"), form)
    assert list(shown.context["adminform"].form.errors) == ["maskedFields"]
    assert collection_rules.current().for_collection("orders").masked_fields == tuple(ORDERS["maskedFields"])
    assert client_of(admin).put(f"{ROOT}/rules", rule, format="json").status_code == 200


def test_who_may_not_see_masked_fields_does_not_remove_their_rule(kept: None, operator: User) -> None:
    client, page = client_of(operator), Client()
    assert client.delete(f"{ROOT}/rules?pattern=orders").status_code == 403
    page.force_login(operator)
    delete = reverse("admin:syncapp_collectionrule_delete", args=[CollectionRule.objects.get().pk])
    assert page.post(delete, {"post": "yes"}).status_code == 403
    chosen = {
        "action": "delete_selected",
        "_selected_action": [CollectionRule.objects.get().pk],
        "post": "yes",
    }
    page.post(reverse("admin:syncapp_collectionrule_changelist"), chosen)
    assert CollectionRule.objects.exists()


@pytest.mark.parametrize(
    "rule",
    [
        ORDERS | {"priority": 5, "direction": "none"},
        ORDERS | {"maskedFields": ["customer", "lines.note", "x"]},
        {"pattern": "ord*", "priority": 200},  # asked later
        {"pattern": "bills", "priority": 5},
        {"pattern": "or?", "priority": 5},
        {"pattern": "*s", "priority": 5, "maskedFields": ["customer", "lines"]},
    ],
)
def test_other_rules_are_changed_as_before(kept: None, operator: User, rule: dict[str, Any]) -> None:
    assert client_of(operator).put(f"{ROOT}/rules", rule, format="json").status_code == 200


def test_paths_reach_into_arrays() -> None:
    document = {"a": [{"b": 1, "c": 2}, 5, [{"b": 3}]], "b": 4}
    assert masked(document, ["a.b"]) == {"a": [{"b": MASK, "c": 2}, 5, [{"b": MASK}]], "b": 4}
    assert masked(document, ["a", "x.y"]) == {"a": MASK, "b": 4}
