"""Groups with their permissions: those of the roles, which stay, and others. The API calls it; each change is in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet

from syncapp.rules.switches import Actor, audit
from syncapp.services.access.free_names import unless_taken
from syncapp.services.access.grants import named, names_of, require_may_touch_group
from syncapp.services.access.lockout import somebody_left
from syncapp.services.access.roles import ROLES
from syncapp.services.errors import NotFound, NotPossible, wrong_value

LONGEST_NAME = 150
ALLOWED_NAME = f"one line of at most {LONGEST_NAME} characters"


def listed() -> QuerySet[Group]:
    """Each with its number of `members`."""
    groups = Group.objects.prefetch_related("permissions__content_type").annotate(members=Count("user"))
    return groups.order_by("name")


def chosen(name: str = "", role: bool | None = None) -> QuerySet[Group]:
    """`name`: a part of it; `role`: those of the roles, or the others."""
    found = listed().filter(name__icontains=name)
    if role is None:
        return found
    return found.filter(name__in=ROLES) if role else found.exclude(name__in=ROLES)


def find(group_id: int) -> Group:
    """Raises NotFound."""
    found = listed().filter(pk=group_id).first()
    if found is None:
        raise NotFound(f"There is no group with the id {group_id}", "id")
    return found


def is_role(group: Group) -> bool:
    """One of the product's own: its permissions can be changed, its name stays."""
    return group.name in ROLES


def as_values(group: Group) -> dict[str, Any]:
    """What can be changed, by the names of the API."""
    return {"name": group.name, "permissions": names_of(group.permissions.all())}


@transaction.atomic
def add(by: Actor = None, **wanted: Any) -> Group:
    """`wanted`: `name` and `permissions`. Raises WrongInput, NotAllowed or Overtaken."""
    group = Group()
    _write(group, by, wanted)
    found = find(group.pk)
    audit(by, "add group", found.name, after=as_values(found))
    return found


def change(group_id: int, by: Actor = None, **wanted: Any) -> Group:
    """`wanted`: those of `name` and `permissions` that shall change. Raises NotFound, WrongInput, NotAllowed, Overtaken or
    NotPossible."""
    with somebody_left():
        group = _locked(group_id, by)
        old = as_values(group)
        if is_role(group) and wanted.get("name", group.name) != group.name:
            raise NotPossible(f"{group.name} is the group of a role: its name stays", "name")
        _write(group, by, wanted)
        found = find(group_id)
        new = as_values(found)
        before = {name: value for name, value in old.items() if value != new[name]}
        if before:
            audit(by, "change group", old["name"], before, {name: new[name] for name in before})
        return found


def remove(group_id: int, by: Actor = None) -> None:
    """Its members lose what it allows. Raises NotFound, NotAllowed or NotPossible."""
    with somebody_left():
        group = _locked(group_id, by)
        if is_role(group):
            raise NotPossible(f"{group.name} is the group of a role: it is not deleted")
        members = list(group.user_set.order_by("username").values_list("username", flat=True))
        audit(by, "delete group", group.name, {**as_values(group), "members": members})
        group.delete()


def _locked(group_id: int, by: Actor) -> Group:
    """For a change that `by` may make. Nobody else changes this group meanwhile."""
    Group.objects.select_for_update().filter(pk=group_id).first()
    group = find(group_id)
    require_may_touch_group(by, group)
    return group


def _write(group: Group, by: Actor, wanted: dict[str, Any]) -> None:
    was, group.name = group.name, wanted.get("name", group.name)
    try:
        group.clean_fields()
    except ValidationError:
        raise wrong_value("name", group.name, ALLOWED_NAME) from None
    with unless_taken(group, was):
        group.save()
    if "permissions" in wanted:
        group.permissions.set(named(wanted["permissions"]))
    require_may_touch_group(by, group)
