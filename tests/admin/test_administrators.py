"""Administrators who are no superusers: what they manage, what they cannot reach, and that it is in the audit log. And what
nobody learns by a filter in an address."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token

from syncapp.models import ApiToken, AuditEntry, RejectedChange
from syncapp.services.access import roles
from syncapp.services.access.api_tokens import valid_token
from tests.admin.test_roles import member_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(everything: None) -> Client:
    return member_of(roles.ADMINISTRATORS)


def change(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def form_of(user: User, **values: object) -> dict[str, object]:
    joined = {
        "date_joined_0": f"{user.date_joined:%Y-%m-%d}",
        "date_joined_1": f"{user.date_joined:%H:%M:%S}",
    }
    return {"username": user.username, "is_active": "on", **joined, **values}


def test_they_put_users_into_groups_and_it_is_in_the_audit_log(administrator: Client) -> None:
    user = User.objects.create_user("nora", password="secret")
    group = Group.objects.get(name=roles.OPERATORS)
    answer = administrator.post(change(user), form_of(user, groups=[group.pk], first_name="Nora"))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert list(user.groups.all()) == [group]
    entry = AuditEntry.objects.get(action="change user")
    assert (entry.user.username, entry.detail, entry.address) == ("administrators", "nora", "127.0.0.1")
    assert entry.before == {"first_name": "", "groups": []}
    assert entry.after == {"first_name": "Nora", "groups": ["Operators"]}


def test_a_new_password_is_in_the_audit_log_without_the_password(administrator: Client) -> None:
    user = User.objects.create_user("nora")
    given = {"password1": "correct-horse-7", "password2": "correct-horse-7", "usable_password": "true"}
    answer = administrator.post(reverse("admin:auth_user_password_change", args=[user.pk]), given)
    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.check_password("correct-horse-7")
    entry = AuditEntry.objects.get(action="change user")
    assert "correct-horse" not in f"{entry.detail}{entry.before}{entry.after}"


def test_they_cannot_become_superusers(administrator: Client) -> None:
    me, root = User.objects.get(username="administrators"), User.objects.get(username="root")
    operate = Permission.objects.get(codename="operate_sync")
    administrator.post(
        change(me), form_of(me, is_superuser="on", is_staff="on", user_permissions=[operate.pk])
    )
    me.refresh_from_db()
    assert (me.is_superuser, me.user_permissions.count()) == (False, 0)
    assert administrator.post(change(root), form_of(root, username="mine")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert administrator.post(password, {"password1": "x" * 12, "password2": "x" * 12}).status_code == 403
    assert (
        administrator.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code
        == 403
    )
    administrator.post(
        reverse("admin:auth_user_changelist"),
        {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"},
    )
    assert User.objects.get(pk=root.pk).username == "root"


def test_the_key_of_an_older_token_is_shown_nowhere(administrator: Client) -> None:
    token = Token.objects.get()
    for page in (
        reverse("admin:authtoken_tokenproxy_changelist"),
        reverse("admin:authtoken_tokenproxy_change", args=[token.user_id]),
        reverse("admin:authtoken_tokenproxy_delete", args=[token.user_id]),
    ):
        answer = administrator.get(page)
        assert answer.status_code == 200, page
        assert token.key not in answer.content.decode(), page
    administrator.post(reverse("admin:authtoken_tokenproxy_delete", args=[token.user_id]), {"post": "yes"})
    entry = AuditEntry.objects.get(action="delete Token")
    assert entry.detail == "token of root"


def test_what_a_page_does_not_show_cannot_be_guessed_by_a_filter(administrator: Client) -> None:
    viewer = member_of(roles.VIEWERS)
    RejectedChange.objects.update(document='{"name": "Ms Secret"}')
    for client, model, lookup in (
        (viewer, "syncapp_conflict", "local_document__contains"),
        (viewer, "syncapp_rejectedchange", "document__contains"),
        (viewer, "syncapp_alertchannel", "options__icontains"),
        (administrator, "authtoken_tokenproxy", "key__startswith"),
    ):
        for value in ("a", "Secret", "https"):
            answer = client.get(reverse(f"admin:{model}_changelist"), {lookup: value})
            assert answer.status_code == 400, (model, value)


def test_a_token_is_made_on_its_page_and_shown_once(administrator: Client) -> None:
    viewer = member_of(roles.VIEWERS)
    add = reverse("admin:syncapp_apitoken_add")
    refused = viewer.post(add, {"name": "mine", "role": "Operators", "days": 7})
    assert "Your own login has the role Viewers at most." in refused.content.decode()
    page = viewer.post(add, {"name": "mine", "role": "Viewers", "days": 7}, follow=True)
    (message,) = [str(one) for one in page.context["messages"]]
    key = message.split()[3].rstrip(".")
    assert valid_token(key, "").name == "mine"
    assert key not in viewer.get(reverse("admin:syncapp_apitoken_changelist")).content.decode()
    token = ApiToken.objects.get()
    other = member_of(roles.OPERATORS)
    revoke = reverse("admin:syncapp_apitoken_revoke", args=[token.pk])
    assert other.post(revoke, {"_form_submitted": "on"}).status_code == 403
    assert administrator.post(revoke, {"_form_submitted": "on"}).status_code == 200
    assert valid_token(key, "") is None
