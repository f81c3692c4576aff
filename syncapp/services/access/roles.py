"""The roles: groups that the set-up creates, and who may do what. Their members may log in to the admin.

An administrator's changes to a group are kept: only missing groups are created. A token of the API may do no more than its
role, whatever its user may (`narrowed`).
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import m2m_changed
from django.dispatch import receiver

from syncapp.models import ApiToken

VIEWERS, OPERATORS, ADMINISTRATORS = (role.value for role in ApiToken.Role)
ROLES = (VIEWERS, OPERATORS, ADMINISTRATORS)  # each may do what the one before it may
# The permissions
OPERATE, SEE_BODIES, ADMINISTER = "syncapp.operate_sync", "syncapp.see_bodies", "syncapp.administer_sync"
SEE_MASKED = "syncapp.see_masked"
LOWEST_ROLE = {OPERATE: OPERATORS, SEE_BODIES: OPERATORS, ADMINISTER: ADMINISTRATORS}

_LOOK = Q(content_type__app_label="syncapp", codename__startswith="view_")
_OPERATE = _LOOK | Q(content_type__app_label="syncapp", codename__in=("operate_sync", "see_bodies"))
_ADMINISTER = Q(content_type__app_label__in=("syncapp", "authtoken", "django_celery_beat")) | Q(
    content_type__app_label="auth", content_type__model__in=("user", "group")
)
GROUPS = {VIEWERS: _LOOK, OPERATORS: _OPERATE, ADMINISTRATORS: _ADMINISTER}
Anybody = TypeVar("Anybody")


def narrowed(user: Anybody, token: ApiToken) -> Anybody:
    """The user, who for this request may do no more than the token's role."""
    user.token_role, user.token_name = token.role, str(token)  # type: ignore[attr-defined]
    return user


def allows(role: str, permission: str) -> bool:
    """May this role do that at all. Viewers may look at what belongs to sync."""
    viewers = VIEWERS if permission.startswith("syncapp.view_") else ADMINISTRATORS
    return ROLES.index(role) >= ROLES.index(LOWEST_ROLE.get(permission, viewers))


def has(user: Any, permission: str) -> bool:
    role = getattr(user, "token_role", None)
    return (role is None or allows(role, permission)) and bool(user.has_perm(permission))


def may_see(user: Any, model: str) -> bool:
    """Operators can view everything. `model`: the label of a model, for instance syncapp.conflict."""
    app, _, name = model.partition(".")
    return has(user, f"{app}.view_{name}") or (app == "syncapp" and may_operate(user))


def may_operate(user: Any) -> bool:
    return has(user, OPERATE)


def may_see_bodies(user: Any) -> bool:
    """The documents of conflicts and rejected changes, beyond their `_id`s."""
    return has(user, SEE_BODIES)


def may_administer(user: Any) -> bool:
    return has(user, ADMINISTER)


def is_unlimited(user: Any) -> bool:
    """A superuser, with no token of a role."""
    return bool(user.is_superuser) and getattr(user, "token_role", None) is None


def may_touch(user: Any, other: Any) -> bool:
    """Superusers are changed by superusers only, and by no token of a role, whoever's it is."""
    return not other.is_superuser or is_unlimited(user)


def highest_role(user: Any) -> str:
    """The most that a token of this user can do."""
    if may_administer(user):
        return ADMINISTRATORS
    return OPERATORS if may_operate(user) else VIEWERS


def may_see_masked(user: Any) -> bool:
    """The fields that collection rules mask."""
    return has(user, SEE_MASKED)


@transaction.atomic
def seed() -> None:
    """Create missing groups. After the migrations, which create the permissions."""
    for name, permissions in GROUPS.items():
        group, made = Group.objects.get_or_create(name=name)
        if made:
            group.permissions.set(Permission.objects.filter(permissions))


@receiver(m2m_changed, sender=User.groups.through)
def _let_members_in(action: str, instance: Any, pk_set: set[int] | None, reverse: bool, **_: Any) -> None:
    """Without the flag "staff" the admin's login page refuses a member without giving the reason."""
    if action != "post_add":
        return
    users, groups = (pk_set or set(), {instance.pk}) if reverse else ({instance.pk}, pk_set or set())
    if Group.objects.filter(pk__in=groups, name__in=ROLES).exists():
        User.objects.filter(pk__in=users, is_staff=False).update(is_staff=True)
        if not reverse:
            instance.is_staff = True
