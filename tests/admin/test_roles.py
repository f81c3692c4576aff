"""The groups that are there after the set-up: what a viewer sees, and what an operator sees and does."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from syncapp.models import Conflict
from syncapp.services.access import roles
from tests.admin.test_pages import MODELS, pages

pytestmark = pytest.mark.django_db
OWN = [model for model in MODELS if model._meta.app_label == "syncapp"]
PLACES = [
    "admin:index",
    "admin:syncapp_halts",
    "admin:syncapp_first_run",
]


def member_of(name: str) -> Client:
    roles.seed()
    user = User.objects.create_user(name.lower(), password="secret")
    user.groups.add(Group.objects.get(name=name))
    assert User.objects.get(pk=user.pk).is_staff, "a member may log in to the admin"
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(params=[roles.VIEWERS, roles.OPERATORS, "operate_sync alone"])
def member(request: pytest.FixtureRequest, everything: None) -> Client:
    if request.param in (roles.VIEWERS, roles.OPERATORS):
        return member_of(request.param)
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="operate_sync"))
    client = Client()
    client.force_login(user)
    return client


def test_all_pages_of_sync_open(member: Client) -> None:
    for place in [*map(reverse, PLACES), *(page for model in OWN for page in pages(model))]:
        assert member.get(place, follow=True).status_code == 200, place


def test_only_operators_act(everything: None) -> None:
    lost = Conflict.objects.filter(winner="atlas").first()
    assert lost is not None
    restore = reverse("admin:syncapp_conflict_restore_loser", args=[lost.pk])
    assert member_of(roles.OPERATORS).get(restore).status_code == 200
    refused = member_of(roles.VIEWERS).get(restore)
    assert refused.status_code == 403
    text = refused.content.decode()
    assert "Your login, viewers, may not do this: it needs the permission syncapp.operate_sync" in text
    assert "which the group Operators has" in text


def test_a_refused_page_names_the_permission_and_the_group(everything: None) -> None:
    stranger = Client()
    stranger.force_login(User.objects.create_user("stranger", is_staff=True))
    for address, permission, group in (
        (reverse("admin:syncapp_conflict_changelist"), "syncapp.view_conflict", "the group Viewers has"),
        (reverse("admin:syncapp_halts"), "syncapp.view_instance", "the group Viewers has"),
        (reverse("admin:auth_user_changelist"), "auth.view_user", "the group Administrators has"),
        (reverse("admin:auth_user_add"), "auth.add_user", "the group Administrators has"),
    ):
        refused = stranger.get(address)
        assert refused.status_code == 403
        text = refused.content.decode()
        assert f"it needs the permission {permission}, which" in text
        assert group in text


def test_what_is_not_there_is_named(everything: None) -> None:
    refused = member_of(roles.VIEWERS).get("/admin/nothing/")
    assert (refused.status_code, "There is nothing at /admin/nothing/" in refused.content.decode()) == (
        404,
        True,
    )


def test_a_form_from_an_old_page_is_refused_in_words(everything: None) -> None:
    refused = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "root"})
    assert refused.status_code == 403
    assert "The form has expired" in refused.content.decode()


def test_the_menu_has_the_titles_of_its_pages(superuser: Client) -> None:
    groups = superuser.get(reverse("admin:index")).context["sidebar_navigation"]
    titles = {item["link"]: item["title"] for group in groups for item in group["items"]}
    for link, title in titles.items():
        if link.startswith("/admin/syncapp/") and link != reverse("admin:syncapp_syncswitches_changelist"):
            page = superuser.get(link)
            shown = (
                page.context["title"]
                if "cl" not in page.context
                else page.context["cl"].opts.verbose_name_plural
            )
            assert str(shown).lower() == title.lower()


def test_what_an_administrator_changes_in_a_group_stays(db: None) -> None:
    roles.seed()
    group = Group.objects.get(name=roles.VIEWERS)
    group.permissions.clear()
    roles.seed()
    assert not group.permissions.exists()


def test_users_that_are_added_to_a_group_may_log_in_too(db: None) -> None:
    roles.seed()
    user = User.objects.create_user("late")
    Group.objects.get(name=roles.OPERATORS).user_set.add(user)
    user.refresh_from_db()
    assert user.is_staff


def test_an_upgrade_keeps_what_operators_have_seen(db: None) -> None:
    """Before this permission everybody who operated sync saw the documents of conflicts."""
    operate = Permission.objects.get(codename="operate_sync")
    user, group = User.objects.create_user("olga"), Group.objects.create(name="Night shift")
    user.user_permissions.add(operate)
    group.permissions.add(operate)
    Permission.objects.filter(codename="see_bodies").delete()
    migration = import_module("syncapp.migrations.0013_api_tokens_and_roles")
    migration.keep_what_operators_see(apps, None)
    assert User.objects.get(username="olga").has_perm(roles.SEE_BODIES)
    assert group.permissions.filter(codename="see_bodies").exists()
