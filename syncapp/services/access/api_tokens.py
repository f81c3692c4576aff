"""Tokens of the API: created with a role and an end, listed with their last use, and revoked.

API, admin and command call it; each change is in the audit log. The key is shown once and never kept. A token acts as its
user, and may do no more than its role (`syncapp.services.access.roles`). Tokens of the older kind (of Django REST framework: one for
a user, with all that the user may, without an end) still work; they are listed as `user-<id>`, and can be revoked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from syncapp.models import ApiToken
from syncapp.rules.switches import Actor, audit
from syncapp.services.access.roles import ADMINISTRATORS, ROLES, highest_role, may_administer
from syncapp.services.errors import NotAllowed, NotFound, NotPossible, WrongInput, wrong_value

PREFIX = "isthmus_"  # by this a key is told from one of the older kind, and found by scanners of secrets
HINT = len(PREFIX) + 4
LONGEST_NAME = 100
DAYS, MOST_DAYS = 90, 3_650
OLDER = "user-"
NEVER = (None, None, None, "")  # end, revoked, last used, from where
TOUCH = dt.timedelta(minutes=1)  # how often the last use is written down, at most


@dataclass(frozen=True, slots=True)
class Listed:
    """A token of either kind, as it is shown."""

    id: str
    name: str
    user: str
    role: str  # empty: all that the user may
    hint: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None
    last_used_from: str

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "valid"


def create(owner: User, name: str, role: str, days: int = DAYS, by: Actor = None) -> tuple[ApiToken, str]:
    """A new token and its key, which nobody can see again. Raises WrongInput."""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise wrong_value("name", name, f"one line of at most {LONGEST_NAME} characters")
    if role not in ROLES:
        raise wrong_value("role", role, ", ".join(ROLES))
    most = highest_role(owner)
    if ROLES.index(role) > ROLES.index(most):
        raise WrongInput(
            f"role is {role}, which the user {owner.get_username()} does not have: {most} at most", "role"
        )
    if not 1 <= days <= MOST_DAYS:
        raise wrong_value("expiresInDays", days, f"a whole number from 1 to {MOST_DAYS}")
    key = PREFIX + secrets.token_urlsafe(32)
    expires = timezone.now() + dt.timedelta(days=days)
    token = ApiToken(
        user=owner, name=name, role=role, digest=_digest(key), hint=key[:HINT], expires_at=expires
    )
    with transaction.atomic():
        token.save()
        after = {"user": owner.get_username(), "name": name, "role": role, "expiresAt": expires}
        audit(by, "create API token", str(token), after=after)
    return token, key


def valid_token(key: str, address: str) -> ApiToken | None:
    """The token of this key, whose use is noted. None: there is none that is valid."""
    now = timezone.now()
    found = ApiToken.objects.select_related("user").filter(
        digest=_digest(key), revoked_at=None, expires_at__gt=now, user__is_active=True
    )
    token = found.first()
    if token and (token.last_used_at is None or now - token.last_used_at >= TOUCH):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_used_from=address)
    return token


def listed(user: Any = None) -> list[Listed]:
    """The newest first: those of this user; of everybody for an administrator, and if there is no user."""
    own = {} if user is None or may_administer(user) else {"user": user}
    tokens = ApiToken.objects.select_related("user").filter(**own)
    found = [
        Listed(
            str(one.pk), one.name, one.user.get_username(), one.role, one.hint, one.created_at, one.expires_at,
            one.revoked_at, one.last_used_at, one.last_used_from,
        )
        for one in tokens
    ]  # fmt: skip
    found += [
        Listed(
            f"{OLDER}{one.user_id}",
            "older kind",
            one.user.get_username(),
            "",
            one.key[:4],
            one.created,
            *NEVER,
        )
        for one in _older().select_related("user").filter(**own)
    ]
    return sorted(found, key=lambda one: one.created_at, reverse=True)


@transaction.atomic
def revoke(token_id: str, user: Any = None) -> Listed:
    """At once, and for good. Idempotent for one that is kept. Raises NotFound or NotAllowed."""
    found = next((one for one in listed(user) if one.id == token_id), None)
    if found is None:
        raise NotFound(f"There is no token with the id {token_id!r} that you may see", "id")
    if found.revoked_at:
        return found
    by = getattr(user, "token_role", None)
    if by is not None and ROLES.index(found.role or ADMINISTRATORS) > ROLES.index(by):
        raise NotAllowed(f"A token of the role {by} cannot revoke one that may do more", "id")
    if token_id.startswith(OLDER):
        _older().filter(user_id=int(token_id.removeprefix(OLDER))).delete()
    elif not ApiToken.objects.filter(pk=int(token_id), revoked_at=None).update(revoked_at=timezone.now()):
        raise NotPossible("The token has just been revoked by another user")
    before = {"user": found.user, "name": found.name, "role": found.role, "expiresAt": found.expires_at}
    audit(user, "revoke API token", f"{found.name} ({found.hint}…) of {found.user}", before)
    return next((one for one in listed(user) if one.id == token_id), found)


def forget_ended(before: dt.datetime) -> int:
    """Rows of tokens that ended before this time. Raises DatabaseError."""
    revoked, _ = ApiToken.objects.filter(revoked_at__lt=before).delete()
    expired, _ = ApiToken.objects.filter(expires_at__lt=before).delete()
    return revoked + expired


def _older() -> Any:
    from rest_framework.authtoken.models import Token  # only of the processes that serve pages and commands

    return Token.objects


def _digest(key: str) -> str:
    # Keys are random and long: a slow hash, as for passwords, would only slow every request down
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
