"""Groups by API and in the admin: what an administrator does with them, and what of the roles stays."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.services.access import grants, roles
from tests.api.conftest import refusal

pytestmark = pytest.mark.django_db
OPERATE, SEE = "syncapp.operate_sync", "syncapp.see_bodies"


def test_a_group_is_added_changed_and_deleted_and_it_is_in_the_audit_log(administrator: APIClient) -> None:
    wanted = {"name": "night shift", "permissions": [SEE, OPERATE, SEE]}
    made = administrator.post("/api/groups", wanted, format="json")
    assert made.status_code == 201
    shown = {**made.json(), "id": 0}
    assert shown == {
        "id": 0, "name": "night shift", "permissions": [OPERATE, SEE], "role": False, "members": 0,
    }  # fmt: skip
    one = f"/api/groups/{made.json()['id']}"
    User.objects.create_user("nora").groups.add(Group.objects.get(name="night shift"))
    changed = administrator.patch(one, {"name": "Night Shift", "permissions": [SEE]}, format="json").json()
    assert changed == {**made.json(), "name": "Night Shift", "permissions": [SEE], "members": 1}
    assert administrator.patch(one, {"permissions": [SEE]}, format="json").json() == changed
    page = administrator.get("/api/groups?role=false").json()
    assert (page["count"], page["results"]) == (1, [changed])
    assert administrator.get("/api/groups?name=OPER").json()["results"][0]["role"] is True
    assert administrator.delete(one).status_code == 204
    assert administrator.get(one).status_code == 404
    entries = AuditEntry.objects.order_by("pk").values_list("action", "detail", "before", "after")
    old, new = (
        {"name": name, "permissions": of}
        for name, of in (("night shift", [OPERATE, SEE]), ("Night Shift", [SEE]))
    )
    assert list(entries) == [
        ("add group", "night shift", None, old),
        ("change group", "night shift", old, new),
        ("delete group", "Night Shift", {**new, "members": ["nora"]}, None),
    ]


@pytest.mark.parametrize(
    ("given", "status", "field", "line"),
    [
        ({"name": "OPERATORS"}, 409, "name", "There is a group 'OPERATORS' already"),
        ({"name": ""}, 400, "name", 'name is ""; allowed: one line'),
        ({"name": "a\0b"}, 400, "name", 'name is "a\\u0000b"; allowed: one line'),
        ({"name": "x" * 151}, 400, "name", 'name is "xxx'),
        (
            {"permissions": ["syncapp.fly"]},
            400,
            "permissions",
            'permissions is "syncapp.fly"; allowed: permissions such',
        ),
        (
            {"permissions": [5]},
            400,
            "permissions",
            "permissions is [5]; allowed: a list of at most 1000 names",
        ),
        ({"permissions": {}}, 400, "permissions", "permissions is {}; allowed: a list of at most 1000 names"),
        (
            {"permissions": ["sessions.change_session"]},
            403,
            None,
            "This login may neither give nor take what",
        ),
        ({"members": []}, 400, None, "members is unknown; allowed: name, permissions"),
    ],
)
def test_what_a_group_cannot_be_is_refused(
    administrator: APIClient, given: dict[str, object], status: int, field: str | None, line: str
) -> None:
    answer = administrator.post("/api/groups", {"name": "x", "permissions": [], **given}, format="json")
    detail, named = refusal(answer, status)
    assert (detail[: len(line)], named) == (line, field)
    assert (Group.objects.count(), AuditEntry.objects.count()) == (3, 0)


def test_the_groups_of_the_roles_stay(administrator: APIClient, ada: User) -> None:
    of = {group.name: f"/api/groups/{group.pk}" for group in Group.objects.all()}
    assert "is the group of a role" in refusal(administrator.delete(of["Viewers"]), 409)[0]
    renamed = administrator.patch(of["Viewers"], {"name": "Guests"}, format="json")
    assert refusal(renamed, 409) == ("Viewers is the group of a role: its name stays", "name")
    assert administrator.patch(of["Viewers"], {"permissions": [SEE]}, format="json").status_code == 200
    last = administrator.patch(of["Administrators"], {"permissions": []}, format="json")
    assert "no active administrator" in refusal(last, 409)[0]
    assert ada.has_perm(roles.ADMINISTER)


def test_the_admin_keeps_the_same(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    viewers, administrators = (Group.objects.get(name=name) for name in (roles.VIEWERS, roles.ADMINISTRATORS))
    delete = reverse("admin:auth_group_delete", args=[viewers.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [viewers.pk], "post": "yes"}
    client.post(reverse("admin:auth_group_changelist"), chosen)
    see = Permission.objects.get(codename="see_bodies")
    change = reverse("admin:auth_group_change", args=[viewers.pk])
    assert client.post(change, {"name": "Guests", "permissions": [see.pk]}).status_code == 302
    viewers.refresh_from_db()
    assert (viewers.name, grants.names_of(viewers.permissions.all())) == ("Viewers", [SEE])
    change = reverse("admin:auth_group_change", args=[administrators.pk])
    page = client.post(change, {"permissions": [see.pk]}, follow=True)
    assert "no active administrator" in "".join(str(one) for one in page.context["messages"])
    assert administrators.permissions.count() > 1
    page = client.post(reverse("admin:auth_group_add"), {"name": "VIEWERS"})
    assert "There is a group" in page.content.decode()


def test_permissions_are_listed_as_they_are_given(administrator: APIClient) -> None:
    page = administrator.get("/api/permissions?page_size=500").json()
    names = [one["permission"] for one in page["results"]]
    assert len(names) == len(set(names)) == Permission.objects.count() == page["count"]
    assert {OPERATE, SEE} <= set(names)
