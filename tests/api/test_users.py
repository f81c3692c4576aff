"""Users by API: what an administrator does with them, what stays impossible, and that no password comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.services import api_tokens, roles
from tests.api.conftest import client_of

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-7"
NORA = {"username": "nora", "password": PASSWORD, "role": "Operators"}


def member(name: str, role: str) -> User:
    roles.seed()
    user = User.objects.create_user(name, password="secret")
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def ada(db: None) -> User:
    """The only administrator."""
    return member("ada", roles.ADMINISTRATORS)


@pytest.fixture
def administrator(ada: User) -> APIClient:
    return client_of(ada)


def refusal(answer: Any, status: int) -> tuple[str, str]:
    assert answer.status_code == status, answer.content
    return answer.json()["detail"], answer.json()["field"]


def test_a_user_is_added_changed_and_deleted_and_it_is_in_the_audit_log(
    administrator: APIClient, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    made = administrator.post("/api/users", NORA, format="json")
    assert made.status_code == 201
    shown = made.json()
    assert {**shown, "id": 0, "createdAt": ""} == {
        "id": 0, "username": "nora", "role": "Operators", "superuser": False, "active": True, "createdAt": "",
        "lastLoginAt": None,
    }  # fmt: skip
    nora = User.objects.get(username="nora")
    assert (nora.check_password(PASSWORD), nora.is_staff) == (True, True), "a member may log in to the admin"
    page = administrator.get("/api/users?ordering=-username").json()
    assert (page["count"], [one["username"] for one in page["results"]]) == (2, ["nora", "ada"])
    one = f"/api/users/{shown['id']}"
    change = {"role": None, "active": False, "password": PASSWORD[::-1]}
    changed = administrator.patch(one, change, format="json")
    assert changed.json() == {**shown, "role": None, "active": False} == administrator.get(one).json()
    nora.refresh_from_db()
    assert (nora.check_password(PASSWORD[::-1]), nora.groups.count()) == (True, 0)
    assert administrator.patch(one, {"active": False}, format="json").json() == changed.json()
    assert administrator.delete(one).status_code == 204
    assert administrator.get(one).status_code == 404
    entries = AuditEntry.objects.order_by("pk").values_list(
        "action", "detail", "user", "address", "before", "after"
    )
    made_by = (ada.pk, "127.0.0.1")
    assert list(entries) == [
        ("add user", "nora", *made_by, None, {"username": "nora", "role": "Operators", "active": True}),
        (
            "change user", "nora", *made_by,
            {"role": "Operators", "active": True, "password": "***"},
            {"role": None, "active": False, "password": "***"},
        ),
        ("delete user", "nora", *made_by, {"username": "nora", "role": None, "active": False}, None),
    ]  # fmt: skip
    for secret in (PASSWORD, PASSWORD[::-1], nora.password):
        assert secret not in f"{shown}{changed.json()}{list(entries)}{caplog.text}"


def test_another_role_replaces_the_one_before_and_other_groups_stay(administrator: APIClient) -> None:
    nora = member("nora", roles.VIEWERS)
    nora.groups.add(Group.objects.create(name="night shift"))
    administrator.patch(f"/api/users/{nora.pk}", {"role": "Operators"}, format="json")
    assert set(nora.groups.values_list("name", flat=True)) == {"Operators", "night shift"}


@pytest.mark.parametrize(
    ("given", "status", "field", "line"),
    [
        (
            {"password": "qx7-z"},
            400,
            "password",
            "password is refused: This password is too short. It must contain at",
        ),
        ({"password": "password1"}, 400, "password", "password is refused: This password is too common."),
        (
            {"username": "shopkeeper", "password": "shopkeeper7"},
            400,
            "password",
            "password is refused: The password is too similar to the username.",
        ),
        ({"password": 987654321987}, 400, "password", 'password is "***"; allowed: a text'),
        ({"password": "s3cr\0et-word"}, 400, "password", 'password is "***"; allowed: a text'),
        (
            {"username": "no ra"},
            400,
            "username",
            'username is "no ra"; allowed: letters, digits and @ . + - _',
        ),
        ({"username": "\ufdfa"}, 400, "username", 'username is "\ufdfa"; allowed: letters'),
        ({"username": "ADA"}, 409, "username", "There is a user 'ADA' already"),
        (
            {"role": "Gods"},
            400,
            "role",
            'role is "Gods"; allowed: Viewers, Operators, Administrators or null',
        ),
        ({"superuser": True}, 400, None, "superuser is unknown; allowed: username, password, role"),
    ],
)
def test_what_a_user_cannot_be_is_refused(
    administrator: APIClient, given: dict[str, Any], status: int, field: str | None, line: str
) -> None:
    answer = administrator.post("/api/users", {**NORA, **given}, format="json")
    detail, named = refusal(answer, status)
    assert (detail[: len(line)], named) == (line, field)
    assert str(given.get("password", PASSWORD)) not in detail
    assert User.objects.count() == 1


def test_no_body_is_repeated(administrator: APIClient) -> None:
    for body, kind in (([NORA], "list"), (PASSWORD, "text"), (5, "number"), (None, "null")):
        text = json.dumps(body)
        answer = administrator.generic("POST", "/api/users", text, content_type="application/json")
        assert refusal(answer, 400)[0] == f"The body is a JSON {kind}; allowed: a JSON object"


def test_a_change_is_refused_as_a_whole(administrator: APIClient) -> None:
    nora = member("nora", roles.VIEWERS)
    one = f"/api/users/{nora.pk}"
    detail, field = refusal(
        administrator.patch(one, {"active": False, "password": "1234567890"}, format="json"), 400
    )
    assert (detail.count("password"), field) == (3, "password"), "common, and only digits"
    assert refusal(administrator.patch(one, {}, format="json"), 400)[0].startswith(
        "nothing is given; allowed: "
    )
    Group.objects.get(name=roles.OPERATORS).delete()
    detail, field = refusal(
        administrator.patch(one, {"active": False, "role": "Operators"}, format="json"), 409
    )
    assert (detail, field) == ("There is no group Operators: the next start creates it", "role")
    nora.refresh_from_db()
    assert (nora.is_active, nora.check_password("secret")) == (True, True)
    assert not AuditEntry.objects.exists()


def test_the_last_active_administrator_stays(administrator: APIClient, ada: User) -> None:
    root = User.objects.create_superuser("root", password="secret", is_active=False)
    one = f"/api/users/{ada.pk}"
    for act in ({"role": "Operators"}, {"role": None}, {"active": False}):
        assert "no active administrator" in refusal(administrator.patch(one, act, format="json"), 409)[0]
    assert "no active administrator" in refusal(administrator.delete(one), 409)[0]
    ada.refresh_from_db()
    assert (ada.is_active, list(ada.groups.values_list("name", flat=True))) == (True, ["Administrators"])
    assert not AuditEntry.objects.exists()
    User.objects.filter(pk=root.pk).update(is_active=True)
    assert administrator.delete(one).status_code == 204
    assert AuditEntry.objects.get().detail == "ada", "of oneself, too"


def test_superusers_are_changed_by_superusers_only(administrator: APIClient) -> None:
    root = User.objects.create_superuser("root", password="secret")
    narrow = APIClient()
    narrow.credentials(HTTP_AUTHORIZATION=f"Token {api_tokens.create(root, 'x', roles.ADMINISTRATORS)[1]}")
    one = f"/api/users/{root.pk}"
    for client in (administrator, narrow):
        assert client.get(one).json()["superuser"] is True
        for answer in (client.patch(one, {"password": PASSWORD}, format="json"), client.delete(one)):
            assert "Superusers are changed by superusers only" in refusal(answer, 403)[0]
    assert client_of(root).patch(one, {"password": PASSWORD}, format="json").status_code == 200


def test_the_admin_keeps_the_last_administrator_too(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    change = reverse("admin:auth_user_change", args=[ada.pk])
    joined = {"date_joined_0": f"{ada.date_joined:%Y-%m-%d}", "date_joined_1": f"{ada.date_joined:%H:%M:%S}"}
    page = client.post(
        change, {"username": "ada", "is_staff": "on", "is_active": "on", **joined}, follow=True
    )
    (message,) = [str(one) for one in page.context["messages"]]
    assert "no active administrator" in message
    page = client.post(reverse("admin:auth_user_delete", args=[ada.pk]), {"post": "yes"})
    assert "no active administrator would be left" in page.content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [ada.pk], "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), chosen)
    assert User.objects.get().groups.exists()
    assert not AuditEntry.objects.exists()
