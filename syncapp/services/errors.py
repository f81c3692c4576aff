"""What services raise for whoever asked. There are few kinds, and API, admin and commands map each of them in one place."""

from __future__ import annotations

import json
from typing import Any, ClassVar

LONGEST_VALUE = 100  # characters


class ServiceError(Exception):
    """`code`: of the kind, and stable, for programs. `detail`: one line for people. `field`: the input that it is about,
    by the name that the API gives it; None: no single one."""

    code: ClassVar[str]

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class WrongInput(ServiceError):
    """The input is wrong, whatever the state. The detail says what is allowed."""

    code = "wrong_input"


class NotFound(ServiceError):
    """There is no such thing."""

    code = "not_found"


class Overtaken(ServiceError):
    """Somebody else, or sync itself, was first: what is there now is not what the caller saw."""

    code = "overtaken"


class NotPossible(ServiceError):
    """It cannot be done as things stand, or a server refuses it."""

    code = "not_possible"


class Unreachable(ServiceError):
    """Something that is needed cannot be reached; trying again later helps. The detail says what."""

    code = "unreachable"


def wrong_value(field: str, value: Any, allowed: str) -> WrongInput:
    return WrongInput(f"{field} is {shown(value)}; allowed: {allowed}", field)


def shown(value: Any) -> str:
    """A value as the caller wrote it, cut to a length that can be read."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "nested too deeply"
    # Halves of a character, control characters: a line that can be sent and printed
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
