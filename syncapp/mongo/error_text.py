"""Errors as one line for logs, records and health: without commands with their filters and signatures, replies,
or the driver's topology description; with the side that they come from, if known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pymongo.errors import ConnectionFailure

from syncapp.core.text.masking import mask_passwords
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side

NAMES = {Side.LOCAL: "The local MongoDB", Side.ATLAS: "Atlas"}
LENGTH = 300  # characters
_LONGEST_VALUE = 80  # of a text in braces, a unique index's value for instance
# Followed by the whole reply, the pool's settings, or the state of every server
_ENDS = (", full error:", ", Timeout:", " (configured timeouts", ", Topology Description:")
# Each Sentinel that was asked, as redis-py describes it
_SENTINEL = re.compile(r"<redis\.client\..*?,host=([^,]+),port=(\d+).*?\)>\)>\)> - ")
_LOGIN_CODES = frozenset({18, 8000})
_REFUSALS = frozenset({13, 40573})  # a privilege, or change streams
_NAME_SIGNS = (
    "Name or service not known", "name resolution", "nodename nor servname", "No address associated",
    "DNS query name", "DNS operation", "resolution lifetime", "All nameservers failed", "does not contain an answer",
)  # fmt: skip
_TLS_SIGNS = ("SSL", "TLS", "certificate", "CERTIFICATE")


def describe(error: BaseException) -> str:
    """The error's text, prefixed with its side as noted by `of_side`."""
    text = shorten(str(error)) or type(error).__name__
    side = known_side(error)
    return text if side is None or NAMES[side] in text else f"{NAMES[side]}: {text}"


def shorten(text: str) -> str:
    """One line of at most 300 characters."""
    for end in _ENDS:
        text = text.split(end)[0]
    text = _SENTINEL.sub(r"\1:\2 ", text)
    text = mask_passwords(one_line(" ".join(_cut_braces(text).split())))
    return text if len(text) <= LENGTH else text[: LENGTH - 2].rstrip() + " …"


def note_side(error: BaseException, side: Side | None) -> None:
    """Note the error's side, unless one is noted already."""
    if side is not None and known_side(error) is None:
        error.side = side  # type: ignore[attr-defined]


def known_side(error: BaseException) -> Side | None:
    side: Side | None = _of_chain(error, "side")
    return side


def _of_chain(error: BaseException, name: str) -> Any:
    values = (getattr(one, name, None) for one in _chain(error))
    return next((value for value in values if value is not None), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, each once: a chain may be circular, and an endless walk would block
    the worker."""
    seen: list[BaseException] = []
    while error is not None and not any(error is one for one in seen):
        yield error
        seen.append(error)
        error = error.__cause__


def says_what_fails(side: Side, error: BaseException) -> str:
    """One sentence why a side cannot be used: unreachable, DNS, TLS, login, or a missing privilege."""
    name, text, code = NAMES[side], shorten(str(error)), _of_chain(error, "code")
    if code in _LOGIN_CODES or "Authentication failed" in text or "bad auth" in text:
        return f"{name} refuses the login: {text}"
    if is_name_unknown(error):
        return f"{name} cannot be found: its name cannot be resolved (DNS): {text}"
    if is_tls(error):
        return f"{name} cannot be reached by TLS: {text}"
    if code in _REFUSALS:
        return f"{name} refuses what sync needs: {text}"
    if any(isinstance(one, ConnectionFailure) for one in _chain(error)):
        return f"{name} cannot be reached: {text}"
    return f"{name}: {text}"


def is_name_unknown(error: BaseException) -> bool:
    return any(sign in str(error) for sign in _NAME_SIGNS)


def is_tls(error: BaseException) -> bool:
    return any(sign in shorten(str(error)) for sign in _TLS_SIGNS)


def _cut_braces(text: str) -> str:
    """`command { find: "orders", filter: {…}, $clusterTime: {…} }` → `command { find: "orders", … }`."""
    parts: list[str] = []
    depth = start = end = 0
    quoted = False
    for place, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "{":
            depth += 1
            if depth == 1:
                parts.append(text[end:place])
                start = place
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0:
                end = place + 1
                parts.append(_first_field(text[start:end]))
    return "".join([*parts, _first_field(text[start:]) if depth else text[end:]])


def _first_field(braces: str) -> str:
    quoted = False
    for place, letter in enumerate(braces[:_LONGEST_VALUE]):
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            return braces[:place] + ", … }"
    return braces if len(braces) <= _LONGEST_VALUE else braces[:_LONGEST_VALUE].rstrip() + " … }"
