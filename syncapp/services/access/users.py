"""Users, each with one of the product's roles (`syncapp.services.access.roles`) or none, other groups, and single permissions. The API calls
it; each change is in the audit log, of a password only that it was set. What nobody may do (`syncapp.services.access.grants`,
`lockout`) is the same in the admin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from syncapp.rules.switches import Actor, audit
from syncapp.services.access import passwords
from syncapp.services.access.free_names import unless_taken
from syncapp.services.access.grants import named, names_of, require_may_touch
from syncapp.services.access.lockout import require_not_oneself, require_other, somebody_left
from syncapp.services.access.roles import ROLES, is_unlimited
from syncapp.services.errors import NotAllowed, NotFound, NotPossible, wrong_value

LONGEST_NAME, LONGEST_EMAIL = 150, 254
ALLOWED_NAME = f"letters, digits and @ . + - _, {LONGEST_NAME} at most"
# The names that the API gives them → those of the row
FIELDS = {
    "username": "username",
    "firstName": "first_name",
    "lastName": "last_name",
    "email": "email",
    "staff": "is_staff",
    "superuser": "is_superuser",
    "active": "is_active",
}
ALLOWED = {
    "username": ALLOWED_NAME,
    "email": f"an e-mail address of at most {LONGEST_EMAIL} characters, or an empty text",
}
PLAIN_TEXT = f"one line of at most {LONGEST_NAME} characters"


def listed() -> QuerySet[User]:
    return User.objects.prefetch_related("groups", "user_permissions__content_type").order_by("username")


def chosen(username: str = "", role: str = "", group: str = "", **flags: bool) -> QuerySet[User]:
    """`username`: a part of it; `role`: the highest; `group`: any; `flags`: `superuser`, `active`."""
    found = listed().filter(**{FIELDS[name]: value for name, value in flags.items()})
    found = found.filter(username__icontains=username)
    for name in filter(None, (role, group)):
        found = found.filter(groups__name=name)
    higher = ROLES[ROLES.index(role) + 1 :] if role else ()
    return found.exclude(groups__name__in=higher) if higher else found


def find(user_id: int) -> User:
    """Raises NotFound."""
    found = listed().filter(pk=user_id).first()
    if found is None:
        raise NotFound(f"There is no user with the id {user_id}", "id")
    return found


def role_of(user: User) -> str | None:
    """The highest of the roles whose groups the user is in. None: in none of them."""
    names = {group.name for group in user.groups.all()}
    return next((role for role in reversed(ROLES) if role in names), None)


def as_values(user: User) -> dict[str, Any]:
    """What can be changed, by the names of the API."""
    values = {name: getattr(user, row) for name, row in FIELDS.items()}
    groups = sorted({group.name for group in user.groups.all()} - set(ROLES))
    return {
        **values,
        "role": role_of(user),
        "groups": groups,
        "permissions": names_of(user.user_permissions.all()),
    }


@transaction.atomic
def add(by: Actor = None, **wanted: Any) -> User:
    """`wanted`: `username`, `password` (None: no login by password), and any other of `as_values`. Raises WrongInput, NotAllowed,
    Overtaken or NotPossible."""
    user = User()
    _fill(user, wanted)
    passwords.give(user, wanted["password"])
    with unless_taken(user, was=""):
        user.save()
    _join(user, by, wanted)
    user = find(user.pk)
    require_may_touch(by, user)
    audit(by, "add user", user.username, after=as_values(user))
    return user


def change(user_id: int, by: Actor = None, **wanted: Any) -> User:
    """`wanted`: those of `as_values` and `password` that shall change. Raises NotFound, WrongInput, NotAllowed, Overtaken
    or NotPossible."""
    with somebody_left():
        user = _locked(user_id, by)
        old = as_values(user)
        require_other(by, user, wanted)
        _fill(user, wanted)
        if "password" in wanted:
            passwords.give(user, wanted["password"])
        with unless_taken(user, old["username"]):
            user.save()
        _join(user, by, wanted)
        found = find(user_id)
        require_may_touch(by, found)
        _note(by, found, old, "password" in wanted)
        return found


def remove(user_id: int, by: Actor = None) -> None:
    """With the user's tokens. Raises NotFound, NotAllowed or NotPossible."""
    with somebody_left():
        user = _locked(user_id, by)
        require_not_oneself(by, user)
        audit(by, "delete user", user.username, as_values(user))
        user.delete()


def _locked(user_id: int, by: Actor) -> User:
    """For a change that `by` may make. Nobody else changes this user meanwhile."""
    User.objects.select_for_update().filter(pk=user_id).first()
    user = find(user_id)
    require_may_touch(by, user)
    return user


def _fill(user: User, wanted: Mapping[str, Any]) -> None:
    for name, row in FIELDS.items():
        if name in wanted:
            setattr(user, row, wanted[name])
    user.clean()  # the usual form of names and addresses
    given = {row: name for name, row in FIELDS.items() if name in wanted}
    try:
        user.clean_fields(exclude={field.name for field in user._meta.fields} - given.keys())
    except ValidationError as error:
        name = given[next(iter(error.error_dict))]
        raise wrong_value(name, wanted[name], ALLOWED.get(name, PLAIN_TEXT)) from None


def _join(user: User, by: Actor, wanted: Mapping[str, Any]) -> None:
    """Groups and single permissions. Members of a role's group may log in to the admin, unless it is said that they may not."""
    if "role" in wanted:
        _move(user, wanted["role"])
    if "groups" in wanted:
        _move_others(user, wanted["groups"])
    if "permissions" in wanted:
        if by is not None and not is_unlimited(by):
            raise NotAllowed(
                "Single permissions are given by superusers only, and by no token of a role", "permissions"
            )
        user.user_permissions.set(named(wanted["permissions"]))
    if "staff" in wanted and user.is_staff != wanted["staff"]:
        user.is_staff = wanted["staff"]
        user.save(update_fields=("is_staff",))


def _note(by: Actor, user: User, old: Mapping[str, Any], password: bool) -> None:
    new = as_values(user)
    before = {name: value for name, value in old.items() if value != new[name]}
    after = {name: new[name] for name in before}
    if password:
        before["password"] = after["password"] = passwords.HIDDEN
    if after:
        audit(by, "change user", user.username, before, after)


def _move(user: User, role: str | None) -> None:
    """Into the group of this role, out of those of the others; other groups stay."""
    wanted = list(Group.objects.filter(name=role)) if role else []
    if role and not wanted:
        raise NotPossible(f"There is no group {role}: the next start creates it", "role")
    user.groups.remove(*Group.objects.filter(name__in=ROLES).exclude(name=role))
    user.groups.add(*wanted)


def _move_others(user: User, names: Iterable[str]) -> None:
    """Into these groups, and out of all others but those of the roles."""
    wanted = set(names)
    others = {group.name: group for group in Group.objects.exclude(name__in=ROLES)}
    for name in sorted(wanted - others.keys()):
        raise wrong_value("groups", name, "groups that are there, but those of the roles: they go by role")
    user.groups.remove(*(group for name, group in others.items() if name not in wanted))
    user.groups.add(*(others[name] for name in wanted))
