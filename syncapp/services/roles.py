"""The groups created at set-up. Their members may log in to the admin.

An administrator's changes to a group are kept: only missing groups are created.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import m2m_changed
from django.dispatch import receiver

VIEWERS, OPERATORS = "Viewers", "Operators"
OPERATE = "syncapp.operate_sync"  # the permission
SEE_MASKED = "syncapp.see_masked"
_LOOK = Q(content_type__app_label="syncapp", codename__startswith="view_")
_OPERATE = _LOOK | Q(content_type__app_label="syncapp", codename="operate_sync")


def may_see(user: Any, model: str) -> bool:
    """Operators can view everything. `model`: the label of a model, for instance syncapp.conflict."""
    app, _, name = model.partition(".")
    return bool(user.has_perm(f"{app}.view_{name}") or (app == "syncapp" and may_operate(user)))


def may_operate(user: Any) -> bool:
    return bool(user.has_perm(OPERATE))


def may_see_masked(user: Any) -> bool:
    """The fields that collection rules mask."""
    return bool(user.has_perm(SEE_MASKED))


@transaction.atomic
def seed() -> None:
    """Create missing groups. After the migrations, which create the permissions."""
    for name, permissions in ((VIEWERS, _LOOK), (OPERATORS, _OPERATE)):
        group, made = Group.objects.get_or_create(name=name)
        if made:
            group.permissions.set(Permission.objects.filter(permissions))


@receiver(m2m_changed, sender=User.groups.through)
def _let_members_in(action: str, instance: Any, pk_set: set[int] | None, reverse: bool, **_: Any) -> None:
    """Without the flag "staff" the admin's login page refuses a member without giving the reason."""
    if action != "post_add":
        return
    users, groups = (pk_set or set(), {instance.pk}) if reverse else ({instance.pk}, pk_set or set())
    if Group.objects.filter(pk__in=groups, name__in=(VIEWERS, OPERATORS)).exists():
        User.objects.filter(pk__in=users, is_staff=False).update(is_staff=True)
        if not reverse:
            instance.is_staff = True
