"""Users, each with one of the product's roles (`syncapp.services.roles`) or none. The API calls it; each change is in the
audit log, of a password only that it was set. One active administrator is always left, here and in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from syncapp.rules.switches import Actor, audit
from syncapp.services.errors import NotFound, NotPossible, Overtaken, WrongInput, wrong_value
from syncapp.services.roles import ADMINISTER, ROLES

HIDDEN = "***"  # a password in the audit log
LONGEST_NAME = 150
ALLOWED_NAME = f"letters, digits and @ . + - _, {LONGEST_NAME} at most"


def listed() -> QuerySet[User]:
    return User.objects.prefetch_related("groups").order_by("username")


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


def administrators() -> QuerySet[User]:
    """Who can log in and may administer, by whatever group; superusers among them."""
    return User.objects.with_perm(ADMINISTER, is_active=True)


def require_administrator() -> None:
    """After a change, within its transaction. Raises NotPossible if it has left no active administrator."""
    if not administrators().exists():
        raise NotPossible("This would leave no active administrator: make another user one first")


@transaction.atomic
def add(username: str, password: str, role: str | None, by: Actor = None) -> User:
    """Raises WrongInput, Overtaken or NotPossible."""
    user = User(username=User.normalize_username(username))
    try:
        user.clean_fields(exclude=("password",))
    except ValidationError:
        raise wrong_value("username", username, ALLOWED_NAME) from None
    _set_password(user, password)
    with _unless_taken(user.username):
        user.save()
    _move(user, role)
    audit(by, "add user", user.username, after={"username": user.username, **_document(user)})
    return find(user.pk)


def change(user_id: int, by: Actor = None, **wanted: Any) -> User:
    """`wanted`: those of `role`, `active` and `password` that shall change. Raises NotFound, WrongInput or NotPossible."""
    with _administrator_left():
        user = find(user_id)
        password = wanted.pop("password", None)
        old = _document(user)
        before = {name: old[name] for name, value in wanted.items() if value != old[name]}
        after = {name: wanted[name] for name in before}
        if password is not None:
            _set_password(user, password)
            before["password"] = after["password"] = HIDDEN
        if "role" in after:
            _move(user, after["role"])
        user.is_active = after.get("active", user.is_active)
        if after:
            user.save(update_fields=("password", "is_active"))
            audit(by, "change user", user.username, before, after)
        return find(user_id)


def remove(user_id: int, by: Actor = None) -> None:
    """With the user's tokens. Raises NotFound or NotPossible."""
    with _administrator_left():
        user = find(user_id)
        audit(by, "delete user", user.username, {"username": user.username, **_document(user)})
        user.delete()


@contextmanager
def _administrator_left() -> Iterator[None]:
    with transaction.atomic():
        # Locked, so that no two of them take each other away at the same time
        list(administrators().select_for_update().order_by("pk"))
        yield
        require_administrator()


@contextmanager
def _unless_taken(name: str) -> Iterator[None]:
    taken = Overtaken(f"There is a user {name!r} already", "username")
    # As in the admin: names that differ only in case would be taken for one another
    if User.objects.filter(username__iexact=name).exists():
        raise taken
    try:
        with transaction.atomic():
            yield
    except IntegrityError:  # added at the same time
        raise taken from None


def _document(user: User) -> dict[str, Any]:
    return {"role": role_of(user), "active": user.is_active}


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WrongInput(f"password is refused: {' '.join(error.messages)}", "password") from None
    user.set_password(password)


def _move(user: User, role: str | None) -> None:
    """Into the group of this role, out of those of the others; other groups stay."""
    wanted = list(Group.objects.filter(name=role)) if role else []
    if role and not wanted:
        raise NotPossible(f"There is no group {role}: the next start creates it", "role")
    user.groups.remove(*Group.objects.filter(name__in=ROLES).exclude(name=role))
    user.groups.add(*wanted)
