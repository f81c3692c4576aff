"""What nobody can do with users: become more than he is, or lock himself and everybody out. By API and in the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.services.access import api_tokens, roles
from tests.api.conftest import client_of, refusal
from tests.api.test_users import NORA, PASSWORD

pytestmark = pytest.mark.django_db


def test_the_last_active_administrator_stays(administrator: APIClient, ada: User) -> None:
    root = User.objects.create_superuser("root", password="secret", is_active=False)
    one = f"/api/users/{ada.pk}"
    for act in ({"role": "Operators"}, {"role": None}):
        assert "no active administrator" in refusal(administrator.patch(one, act, format="json"), 409)[0]
    ada.refresh_from_db()
    assert (ada.is_active, list(ada.groups.values_list("name", flat=True))) == (True, ["Administrators"])
    assert not AuditEntry.objects.exists()
    User.objects.filter(pk=root.pk).update(is_active=True)
    for answer in (
        administrator.delete(one),
        administrator.patch(one, {"active": False}, format="json"),
        administrator.patch(one, {"staff": False}, format="json"),
        administrator.patch(one, {"password": None}, format="json"),
    ):
        assert "This is your own login" in refusal(answer, 409)[0]
    assert not AuditEntry.objects.exists()
    assert administrator.patch(one, {"role": None}, format="json").status_code == 200
    assert administrator.get(one).status_code == 403, "others than the login itself he may give up"
    assert client_of(root).delete(one).status_code == 204


def test_the_last_active_superuser_stays(administrator: APIClient) -> None:
    root = User.objects.create_superuser("root", password="secret")
    other = User.objects.create_superuser("other", password="secret")
    superuser = client_of(root)
    assert superuser.delete(f"/api/users/{other.pk}").status_code == 204
    answer = superuser.patch(f"/api/users/{root.pk}", {"superuser": False}, format="json")
    assert "no active superuser" in refusal(answer, 409)[0]
    root.refresh_from_db()
    assert root.is_superuser


def test_nobody_makes_himself_or_others_more_than_he_is(ada: User) -> None:
    """A login with single permissions on users and groups, as a superuser may give them."""
    clerk = User.objects.create_user("clerk", password="secret", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__model__in=("user", "group")))
    client, me, her = client_of(clerk), f"/api/users/{clerk.pk}", f"/api/users/{ada.pk}"
    shift = Group.objects.create(name="night shift")
    administrators = Group.objects.get(name="Administrators")
    refused = [
        client.patch(me, {"role": "Administrators"}, format="json"),
        client.patch(her, {"password": PASSWORD}, format="json"),
        client.delete(her),
        client.post("/api/users", NORA, format="json"),
        client.patch(f"/api/groups/{shift.pk}", {"permissions": ["syncapp.operate_sync"]}, format="json"),
        client.patch(f"/api/groups/{administrators.pk}", {"permissions": []}, format="json"),
        client.post("/api/groups", {"name": "x", "permissions": ["syncapp.see_masked"]}, format="json"),
    ]
    for answer in refused:
        assert "neither give nor take what it does not have" in refusal(answer, 403)[0]
    browser = Client()
    browser.force_login(clerk)
    joined = {
        "date_joined_0": f"{clerk.date_joined:%Y-%m-%d}",
        "date_joined_1": f"{clerk.date_joined:%H:%M:%S}",
    }
    form = {"username": "clerk", "is_staff": "on", "is_active": "on", "groups": [administrators.pk], **joined}
    page = browser.post(reverse("admin:auth_user_change", args=[clerk.pk]), form, follow=True)
    assert "neither give nor take" in "".join(str(one) for one in page.context["messages"])
    operate = Permission.objects.get(codename="operate_sync")
    form = {"name": "night shift", "permissions": [operate.pk]}
    browser.post(reverse("admin:auth_group_change", args=[shift.pk]), form)
    assert browser.post(reverse("admin:auth_user_password_change", args=[ada.pk]), {}).status_code == 403
    assert (clerk.groups.count(), shift.permissions.count(), User.objects.count()) == (0, 0, 2)
    assert not AuditEntry.objects.exists()
    assert client.post("/api/users", {**NORA, "role": None}, format="json").status_code == 201


def test_superusers_are_changed_by_superusers_only(administrator: APIClient) -> None:
    root = User.objects.create_superuser("root", password="secret")
    narrow = APIClient()
    narrow.credentials(HTTP_AUTHORIZATION=f"Token {api_tokens.create(root, 'x', roles.ADMINISTRATORS)[1]}")
    one = f"/api/users/{root.pk}"
    for client in (administrator, narrow):
        assert client.get(one).json()["superuser"] is True
        for answer in (client.patch(one, {"password": PASSWORD}, format="json"), client.delete(one)):
            assert "Superusers are changed and made by superusers only" in refusal(answer, 403)[0]
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
