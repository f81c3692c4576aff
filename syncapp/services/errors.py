"""What services raise for whoever asked. There are few kinds, and API, admin and commands map each of them in one place."""

from __future__ import annotations

import json
from typing import Any, ClassVar

LONGEST_VALUE = 100  # characters


class ServiceError(Exception):
    """`code`: stable, for programs. `detail`: one line for users. `field`: the input concerned,
    by the name that the API gives it; None: no single one."""

    code: ClassVar[str]

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class WrongInput(ServiceError):
    """The input is invalid in any state. The detail says what is allowed."""

    code = "wrong_input"


class NotAllowed(ServiceError):
    """The login may do the act, but not with this input. The detail says which permission is missing."""

    code = "permission_denied"


class NotFound(ServiceError):
    """Not found."""

    code = "not_found"


class Overtaken(ServiceError):
    """A concurrent change, by another user or by sync: the current state is not the one that the caller saw."""

    code = "overtaken"


class NotPossible(ServiceError):
    """Not possible in the current state, or refused by a server."""

    code = "not_possible"


class KeyReused(ServiceError):
    """The Idempotency-Key was sent before, with another request."""

    code = "idempotency_key_reused"


class Unreachable(ServiceError):
    """A required service is unavailable; retry later. The detail says which."""

    code = "unreachable"


def wrong_value(field: str, value: Any, allowed: str) -> WrongInput:
    return WrongInput(f"{field} is {shown(value)}; allowed: {allowed}", field)


def shown(value: Any) -> str:
    """A value as given by the caller, truncated to a readable length."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "nested too deeply"
    # Escape lone surrogates and control characters: the line must be printable
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
