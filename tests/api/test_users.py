"""Users by API: what an administrator does with them, what stays impossible, and that no password comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.services.access import roles
from tests.api.conftest import Change, client_of, member, refusal

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-7"
NORA = {"username": "nora", "password": PASSWORD, "role": "Operators"}
# Of a member of Operators that nothing else is said of
VALUES = {
    "username": "nora", "firstName": "", "lastName": "", "email": "", "role": "Operators", "groups": [], "permissions": [],
    "staff": True, "superuser": False, "active": True,
}  # fmt: skip


def test_a_user_is_added_changed_and_deleted_and_it_is_in_the_audit_log(
    administrator: APIClient, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    made = administrator.post("/api/users", NORA, format="json")
    assert made.status_code == 201
    shown = made.json()
    more = {"id": 0, "createdAt": "", "hasPassword": True, "lastLoginAt": None}
    assert {**shown, "id": 0, "createdAt": ""} == {**VALUES, **more}
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
        ("add user", "nora", *made_by, None, VALUES),
        (
            "change user", "nora", *made_by,
            {"role": "Operators", "active": True, "password": "***"},
            {"role": None, "active": False, "password": "***"},
        ),
        ("delete user", "nora", *made_by, {**VALUES, "role": None, "active": False}, None),
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
        ({"isSuperuser": True}, 400, None, "isSuperuser is unknown; allowed: "),
        ({"superuser": True}, 403, "superuser", "Superusers are changed and made by superusers only"),
        ({"permissions": []}, 403, "permissions", "Single permissions are given by superusers only"),
        (
            {"permissions": "x"},
            400,
            "permissions",
            'permissions is "x"; allowed: a list of at most 1000 names',
        ),
        ({"groups": ["nobody"]}, 400, "groups", 'groups is "nobody"; allowed: groups that are there'),
        ({"groups": ["Administrators"]}, 400, "groups", 'groups is "Administrators"; allowed: groups'),
        ({"groups": [["x"]]}, 400, "groups", 'groups is [["x"]]; allowed: a list'),
        ({"groups": None}, 400, "groups", "groups is null; allowed: a list"),
        ({"email": "nora"}, 400, "email", 'email is "nora"; allowed: an e-mail address'),
        ({"firstName": "No\nra"}, 400, "firstName", 'firstName is "No\\nra"; allowed: one line'),
        ({"lastName": "x" * 151}, 400, "lastName", 'lastName is "xxxx'),
        ({"staff": "yes"}, 400, "staff", 'staff is "yes"; allowed: true or false'),
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


def test_names_flags_groups_and_permissions(administrator: APIClient) -> None:
    superuser = client_of(User.objects.create_superuser("root", password="secret"))
    shift = Group.objects.create(name="night shift")
    wanted = {
        "username": "nora.b", "firstName": "Nora", "lastName": "Berg", "email": "nora@Example.com", "role": "Viewers",
        "groups": ["night shift"], "permissions": ["syncapp.operate_sync", "syncapp.operate_sync"], "staff": False,
        "superuser": True, "active": True, "password": None,
    }  # fmt: skip
    made = superuser.post("/api/users", wanted, format="json").json()
    shown = {
        **wanted,
        "email": "nora@example.com",
        "permissions": ["syncapp.operate_sync"],
        "hasPassword": False,
    }
    shown.pop("password")
    assert {name: made[name] for name in shown} == shown
    one = f"/api/users/{made['id']}"
    assert "Superusers are changed" in refusal(administrator.patch(one, {"email": ""}, format="json"), 403)[0]
    changed = superuser.patch(
        one, {"superuser": False, "groups": [], "permissions": []}, format="json"
    ).json()
    assert changed == {**made, "superuser": False, "groups": [], "permissions": []}
    assert AuditEntry.objects.first().before == {
        "superuser": True, "groups": ["night shift"], "permissions": ["syncapp.operate_sync"],
    }  # fmt: skip
    assert (
        administrator.patch(one, {"groups": ["night shift"], "username": "Nora.B"}, format="json").status_code
        == 200
    )
    assert refusal(administrator.patch(one, {"username": "ROOT"}, format="json"), 409)[1] == "username"
    assert shift.user_set.get().username == "Nora.B"
    for query, names in (
        ("role=Administrators", ["ada"]),
        ("username=ORA", ["Nora.B"]),
        ("group=night shift", ["Nora.B"]),
        ("superuser=true", ["root"]),
        ("active=false", []),
    ):
        page = administrator.get(f"/api/users?{query}").json()
        assert [user["username"] for user in page["results"]] == names, query


def test_a_login_changes_its_own_password_and_keeps_its_session(db: None) -> None:
    guest = User.objects.create_user("guest", password="secret")
    browser = Client()
    browser.force_login(guest)
    given = {"oldPassword": "wrong", "newPassword": PASSWORD}
    for old, new, field in (("wrong", PASSWORD, "oldPassword"), ("secret", "guest123", "newPassword")):
        answer = browser.post("/api/password", {"oldPassword": old, "newPassword": new}, "application/json")
        detail, named = refusal(answer, 400)
        assert (named, old in detail, new in detail) == (field, False, False)
    given = {"oldPassword": "secret", "newPassword": PASSWORD}
    assert browser.post("/api/password", given, "application/json").status_code == 204
    assert browser.get("/api/tokens").status_code == 200, "its session goes on"
    guest.refresh_from_db()
    assert guest.check_password(PASSWORD)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after, entry.user) == ("change user", {"password": "***"}, guest)


def test_wrong_old_passwords_are_limited(db: None, change_settings: Change) -> None:
    change_settings(sync_login_attempts=2)
    client = client_of(User.objects.create_user("guest", password="secret"))
    given = {"oldPassword": "wrong", "newPassword": PASSWORD}
    answers = [client.post("/api/password", given, format="json").status_code for _ in range(3)]
    right = client.post("/api/password", {**given, "oldPassword": "secret"}, format="json")
    assert (answers, right.status_code) == ([400, 400, 429], 429)
