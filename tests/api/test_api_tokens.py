"""Tokens of a role: they do no more than it, they expire, they are listed with their last use, and they are revoked."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from syncapp.models import ApiToken, AuditEntry
from syncapp.services.access import api_tokens, roles
from tests.api.conftest import ROOT, client_of
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="secret")


@pytest.fixture
def member(db: None) -> User:
    """An operator by the group, as the set-up makes it."""
    roles.seed()
    user = User.objects.create_user("member", password="secret")
    user.groups.add(Group.objects.get(name=roles.OPERATORS))
    return user


def with_key(key: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


def of_role(user: User, role: str) -> APIClient:
    return with_key(api_tokens.create(user, "test", role)[1])


def test_a_token_may_do_no_more_than_its_role_whatever_its_user_may(root: User) -> None:
    one = rows.conflict({"_id": 1}, None)
    seen = {}
    for role in roles.ROLES:
        client = of_role(root, role)
        seen[role] = (
            client.get(f"{ROOT}/toggle").status_code,
            client.post(f"{ROOT}/toggle", {"enabled": True}, format="json").status_code,
            client.get(f"{ROOT}/conflicts/{one.pk}").json()["bodiesHidden"],
        )
    assert seen == {
        "Viewers": (200, 403, True),
        "Operators": (200, 200, False),
        "Administrators": (200, 200, False),
    }


def test_a_token_does_not_outlive_what_its_user_may(member: User) -> None:
    client = of_role(member, roles.OPERATORS)
    assert client.post(f"{ROOT}/toggle", {"enabled": True}, format="json").status_code == 200
    member.groups.clear()
    assert client.post(f"{ROOT}/toggle", {"enabled": False}, format="json").status_code == 403
    User.objects.filter(pk=member.pk).update(is_active=False)
    assert client.get(f"{ROOT}/toggle").status_code == 401


def test_it_is_given_for_name_and_password_and_a_role(member: User) -> None:
    given = {
        "username": "member",
        "password": "secret",
        "role": "Operators",
        "name": "deploy",
        "expiresInDays": 7,
    }
    answer = APIClient().post("/api/token/", given, format="json")
    assert answer.status_code == 200
    body = answer.json()
    assert body["token"].startswith("isthmus_")
    assert body["role"] == "Operators"
    left = dt.datetime.fromisoformat(body["expiresAt"]) - timezone.now()
    assert dt.timedelta(days=6.9) < left < dt.timedelta(days=7.1)
    assert with_key(body["token"]).get(f"{ROOT}/toggle").status_code == 200
    assert not ApiToken.objects.filter(digest__contains=body["token"][8:]).exists()
    entry = AuditEntry.objects.get(action="create API token")
    assert (entry.user, entry.after["role"], entry.address) == (member, "Operators", "127.0.0.1")
    assert body["token"] not in f"{entry.detail}{entry.after}"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"role": "Administrators"},
            "role is Administrators, which the user member does not have: Operators at most",
        ),
        ({"role": "Gods"}, 'role is "Gods"; allowed: Viewers, Operators, Administrators'),
        (
            {"role": "Viewers", "expiresInDays": 0},
            "expiresInDays is 0; allowed: a whole number from 1 to 3650",
        ),
        ({"name": "x"}, 'name is "x"; allowed: only with role'),
    ],
)
def test_what_it_cannot_be_is_refused(member: User, given: dict, line: str) -> None:
    answer = APIClient().post(
        "/api/token/", {"username": "member", "password": "secret", **given}, format="json"
    )
    assert (answer.status_code, answer.json()["detail"]) == (400, line)
    assert not ApiToken.objects.exists()


def test_tokens_of_the_older_kind_still_work_and_are_listed(member: User) -> None:
    answer = (
        APIClient().post("/api/token/", {"username": "member", "password": "secret"}, format="json").json()
    )
    older = with_key(answer["token"])
    assert older.post(f"{ROOT}/toggle", {"enabled": True}, format="json").status_code == 200
    (listed,) = older.get("/api/tokens").json()["results"]
    assert (listed["id"], listed["role"], listed["expiresAt"]) == (f"user-{member.pk}", "", None)
    assert answer["token"] not in json.dumps(listed)
    assert older.delete(f"/api/tokens/{listed['id']}").status_code == 200
    assert older.get("/api/tokens").status_code == 401
    assert not Token.objects.exists()


def test_the_last_use_is_shown(member: User) -> None:
    token, key = api_tokens.create(member, "prometheus", "Viewers")
    client = client_of(member)
    assert client.get(f"/api/tokens/{token.pk}").json()["lastUsedAt"] is None
    with_key(key).get(f"{ROOT}/toggle")
    shown = client.get(f"/api/tokens/{token.pk}").json()
    assert (shown["lastUsedFrom"], shown["state"]) == ("127.0.0.1", "valid")
    used = dt.datetime.fromisoformat(shown["lastUsedAt"])
    assert timezone.now() - used < dt.timedelta(minutes=1)
    ApiToken.objects.update(last_used_at=used - dt.timedelta(hours=1))
    with_key(key).get(f"{ROOT}/toggle")
    assert ApiToken.objects.get().last_used_at > used - dt.timedelta(minutes=1)


def test_an_expired_or_revoked_token_is_refused_at_once(member: User) -> None:
    token, key = api_tokens.create(member, "one", "Viewers")
    client = with_key(key)
    assert client.delete(f"/api/tokens/{token.pk}").json()["state"] == "revoked"
    refused = client.get(f"{ROOT}/toggle")
    assert (refused.status_code, refused.json()["detail"]) == (401, "Invalid, expired or revoked token.")
    assert AuditEntry.objects.get(action="revoke API token").before["role"] == "Viewers"
    _, key = api_tokens.create(member, "two", "Viewers")
    ApiToken.objects.update(expires_at=timezone.now())
    assert with_key(key).get(f"{ROOT}/toggle").status_code == 401


def test_only_administrators_see_and_revoke_those_of_others(member: User, root: User) -> None:
    token, _ = api_tokens.create(root, "of root", "Viewers")
    mine = of_role(member, roles.OPERATORS)
    assert [one["user"] for one in mine.get("/api/tokens").json()["results"]] == ["member"]
    refused = mine.delete(f"/api/tokens/{token.pk}")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    narrow = of_role(root, roles.VIEWERS)  # root's own, but only for looking
    assert {one["user"] for one in narrow.get("/api/tokens").json()["results"]} == {"root"}
    member.groups.add(Group.objects.get(name=roles.ADMINISTRATORS))
    admin = of_role(User.objects.get(pk=member.pk), roles.ADMINISTRATORS)
    assert {one["user"] for one in admin.get("/api/tokens").json()["results"]} == {"root", "member"}
    page = admin.get("/api/tokens", {"user": "member", "state": "valid"}).json()
    assert {one["user"] for one in page["results"]} == {"member"}
    assert admin.get("/api/tokens?state=expired").json()["count"] == 0
    assert admin.delete(f"/api/tokens/{token.pk}").status_code == 200


def test_a_token_revokes_none_that_may_do_more(root: User) -> None:
    """Whoever finds one that may only look could else stop all others."""
    strong, _ = api_tokens.create(root, "deploy", roles.OPERATORS)
    older = client_of(root)
    user = f"user-{root.pk}"
    narrow = of_role(root, roles.VIEWERS)
    for token_id in (strong.pk, user):
        refused = narrow.delete(f"/api/tokens/{token_id}")
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert older.get("/api/tokens").status_code == 200
    weak, _ = api_tokens.create(root, "cron", roles.VIEWERS)
    assert narrow.delete(f"/api/tokens/{weak.pk}").json()["state"] == "revoked"
    assert of_role(root, roles.ADMINISTRATORS).delete(f"/api/tokens/{user}").status_code == 200


def test_a_change_made_with_it_is_in_the_audit_log_with_its_name(root: User) -> None:
    of_role(root, roles.OPERATORS).post(
        f"{ROOT}/toggle", {"enabled": True}, format="json", REMOTE_ADDR="10.1.2.3"
    )
    entry = AuditEntry.objects.get(action="set enabled")
    assert (entry.user, entry.address, entry.before, entry.after) == (
        root,
        "10.1.2.3",
        {"enabled": False},
        {"enabled": True},
    )
    assert entry.token.startswith("test (isthmus_")
    (shown,) = of_role(root, roles.VIEWERS).get(f"{ROOT}/audit?action=set enabled").json()["results"]
    assert (shown["user"], shown["address"], shown["after"]) == ("root", "10.1.2.3", {"enabled": True})


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(
    member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncapp.api.common.authentication.MOST_WRONG", 3)
    wrong = with_key("isthmus_nonsense")
    answers = [wrong.get(f"{ROOT}/toggle") for _ in range(4)]
    assert [one.status_code for one in answers] == [401, 401, 401, 429]
    assert answers[3].json() == {
        "detail": "Too many wrong tokens. Expected available in 60 seconds.",
        "code": "throttled",
        "field": None,
    }
    assert answers[3].headers["Retry-After"] == "60"
    assert of_role(member, "Viewers").get(f"{ROOT}/toggle").status_code == 200


def command(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("sync_api_token", *arguments, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue()


def test_the_command_creates_lists_and_revokes(member: User) -> None:
    key, said = command("create", "prometheus", "--user", "member", "--days", "30")
    assert "Viewers, valid until" in said
    assert with_key(key).get(f"{ROOT}/toggle").status_code == 200
    (listed,) = json.loads(command("list", "--json")[0])
    assert (listed["name"], listed["role"], listed["state"]) == ("prometheus", "Viewers", "valid")
    line, _ = command()
    assert "prometheus" in line
    assert "last used" in line
    assert "revoked" in command("revoke", listed["id"])[0]
    assert with_key(key).get(f"{ROOT}/toggle").status_code == 401
    for wrong in (
        ("create", "x"),
        ("create", "x", "--user", "nobody"),
        ("create", "x", "--user", "member", "--role", "Administrators"),
        ("create", "x", "--user", "member", "--days", "0"),
        ("revoke", "77"),
        ("list", "x"),
    ):
        with pytest.raises(CommandError):
            command(*wrong)
