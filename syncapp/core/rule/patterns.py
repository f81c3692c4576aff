"""Validates names and glob patterns of collections: exclusions and validation rules, in the
environment, by API, admin and command."""

from __future__ import annotations

import re

from syncapp.core.rule.exclusions import is_reserved

LONGEST = 255  # characters: of a name, too, which with its database has at most 255 bytes
ALLOWED = (
    "the name of a collection or a glob pattern (with * and ?) such as temp_*, without spaces, commas or $, "
    f"at most {LONGEST} characters"
)
_CHARACTERS = r"[^\s\x00-\x1f\x7f-\x9f,$\[\]{}\\.]"
# For the API's schema; what it does not match is refused with a reason below
FORM = rf"\A{_CHARACTERS}+(\.{_CHARACTERS}+)*\Z"
# It is never synchronised, so excluding it changes nothing: but older settings name it
OF_OLDER_SETTINGS = "_sync_metadata"


class WrongPattern(ValueError):
    """The text says what is allowed, and why this is refused."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{ALLOWED}; {why}")


def check_pattern(pattern: str) -> None:
    """Raises WrongPattern for one that can match no collection, or has another meaning than it seems to."""
    if why := _why_not(pattern):
        raise WrongPattern(why)


def patterns_of_environment(words: tuple[str, ...]) -> tuple[str, ...]:
    """Raises WrongPattern, whose text names the pattern."""
    for word in words:
        if word != OF_OLDER_SETTINGS and (why := _why_not(word)):
            raise WrongPattern(f"{word[:LONGEST]!r}: {why}" if len(words) > 1 else why)
    return words


def _why_not(pattern: str) -> str:
    """Empty: it is valid."""
    if not pattern:
        return "it is empty"
    if len(pattern) > LONGEST:
        return f"it has {len(pattern)} characters"
    if found := re.search(r"[\x00-\x1f\x7f-\x9f\s]", pattern):
        return f"{found[0]!r} is white space or a control character"
    if found := re.search(r"[\[\]{}\\]", pattern):
        return f"{found[0]} is not a wildcard here: * stands for any characters, ? for one"
    if found := re.search(r"[,$]", pattern):
        return f"it has {found[0]} in it"
    if not re.search(FORM, pattern):
        return "no collection's name begins or ends with a dot, or has two in a row"
    if is_reserved(pattern):
        return "such collections belong to sync or to the server, and are never synchronised"
    return ""
