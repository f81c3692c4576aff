"""Permissions by name (`app.codename`), and the one rule about them: nobody gives away what he does not have, or changes who may
do more than himself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet

from syncapp.rules.switches import Actor
from syncapp.services.access.roles import has, may_touch
from syncapp.services.errors import NotAllowed, wrong_value

MOST = 1_000  # permissions in one request


def listed() -> QuerySet[Permission]:
    return Permission.objects.select_related("content_type").order_by("content_type__app_label", "codename")


def name_of(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def names_of(permissions: Iterable[Permission]) -> list[str]:
    return sorted(map(name_of, permissions))


def named(names: Iterable[str], field: str = "permissions") -> list[Permission]:
    """Raises WrongInput for a name that no permission has."""
    there = {name_of(one): one for one in listed()}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in there:
            raise wrong_value(
                field, name, "permissions such as syncapp.operate_sync, as GET /api/permissions lists them"
            )
    return [there[name] for name in wanted]


def require_may_touch(by: Actor, user: User) -> None:
    """Before a change of this user, and after it, within its transaction. Raises NotAllowed."""
    if by is None:
        return
    if not may_touch(by, user):
        raise NotAllowed(
            "Superusers are changed and made by superusers only, and by no token of a role", "superuser"
        )
    of_user = Permission.objects.filter(Q(group__user=user) | Q(user=user)).select_related("content_type")
    _require_held(by, of_user, f"the user {user.get_username()}")


def require_may_touch_group(by: Actor, group: Group) -> None:
    """The same for a group."""
    if by is not None:
        _require_held(by, group.permissions.select_related("content_type"), f"the group {group.name}")


def _require_held(by: Any, permissions: QuerySet[Permission], whose: str) -> None:
    if missing := [name for name in names_of(permissions.distinct()) if not has(by, name)]:
        rest = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise NotAllowed(
            f"This login may neither give nor take what it does not have: {missing[0]}{rest} of {whose}"
        )
