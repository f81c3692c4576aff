"""Nobody is locked out: one active administrator is always left, one active superuser where there was one, and nobody ends his own
login. By API and in the admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from syncapp.rules.switches import Actor
from syncapp.services.access.roles import ADMINISTER
from syncapp.services.errors import NotPossible

# What nobody takes from himself; `password`: None, which is no password
OWN = {"active": False, "staff": False, "password": None}


def administrators() -> QuerySet[User]:
    """Who can log in and may administer, by whatever group; superusers among them."""
    return User.objects.with_perm(ADMINISTER, is_active=True)


def superusers() -> QuerySet[User]:
    return User.objects.filter(is_active=True, is_superuser=True)


@contextmanager
def somebody_left() -> Iterator[Callable[[], None]]:
    """Around a change of users or groups: a transaction. Raises NotPossible if it would leave nobody; so does what it yields, for
    whoever must know before the end."""
    with transaction.atomic():
        # Locked, so that no two of them take each other away at the same time
        there = list(administrators().select_for_update().order_by("pk"))
        yield partial(_require_somebody, there)
        _require_somebody(there)


def _require_somebody(there: list[User]) -> None:
    if there and not administrators().exists():
        raise NotPossible("This would leave no active administrator: make another user one first")
    if any(one.is_superuser for one in there) and not superusers().exists():
        raise NotPossible("This would leave no active superuser: make another user one first")


def require_other(by: Actor, user: Any, wanted: Mapping[str, Any]) -> None:
    """`wanted`: as `syncapp.services.access.users.change` takes it. Raises NotPossible where `by` would end his own login."""
    for name, value in OWN.items():
        if by is not None and by.pk == user.pk and name in wanted and wanted[name] == value:
            raise NotPossible("This is your own login: it takes another administrator to end it", name)


def require_not_oneself(by: Actor, user: User) -> None:
    """Before a user is deleted. Raises NotPossible."""
    if by is not None and by.pk == user.pk:
        raise NotPossible("This is your own login: it takes another administrator to delete it")
