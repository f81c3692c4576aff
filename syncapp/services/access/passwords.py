"""Passwords: what one has to be, and one's own, which every login may change who knows the old one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from syncapp.rules.switches import audit
from syncapp.services.errors import WrongInput

HIDDEN = "***"  # a password in the audit log


def give(user: User, password: str | None, field: str = "password") -> None:
    """Not saved. None: no login by password. Raises WrongInput if it is too weak."""
    try:
        if password is not None:
            validate_password(password, user)
    except ValidationError as error:
        raise WrongInput(f"{field} is refused: {' '.join(error.messages)}", field) from None
    user.set_password(password)


def change_own(request: HttpRequest, user: Any, old: str, new: str) -> User:
    """A wrong `old` counts as a failed login (`syncapp.services.access.logins`). Raises WrongInput."""
    if authenticate(request, username=user.get_username(), password=old) is None:
        raise WrongInput("oldPassword is not the password of this login", "oldPassword")
    with transaction.atomic():
        found = User.objects.select_for_update().get(pk=user.pk)
        give(found, new, "newPassword")
        found.save(update_fields=("password",))
        audit(user, "change user", found.username, {"password": HIDDEN}, {"password": HIDDEN})
    return found
