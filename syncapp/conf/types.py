"""Types of settings: each parser converts the text to the value, or says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from syncapp.core.initial_choice import FORM, InitialChoice, WrongChoice
from syncapp.core.rule.patterns import WrongPattern, patterns_of_environment

HOST_NAME = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
SECRET_KEY_LENGTH = 20


class WrongValue(Exception):
    """Raised by parsers; the text says what is allowed."""


def integer(low: int, high: int) -> Callable[[str], int]:
    allowed = f"a whole number from {low} to {high}"

    def parse(text: str) -> int:
        # Python refuses to read numbers of thousands of digits
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise WrongValue(allowed)
        return int(text)

    return parse


def boolean(text: str) -> bool:
    if text.lower() in {"true", "1", "yes", "on"}:
        return True
    if text.lower() in {"false", "0", "no", "off"}:
        return False
    raise WrongValue("true or false")


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise WrongValue("one of " + ", ".join(words))
        return text

    return parse


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def host_names(text: str) -> tuple[str, ...]:
    """Host names or addresses, as Django's ALLOWED_HOSTS takes them."""
    found = words(text)
    for word in found:
        if not HOST_NAME.fullmatch(word):
            raise WrongValue(
                "host names or addresses without scheme and port, separated by commas; .name for all below"
            )
    return found


def secret_key(text: str) -> str:
    if text and len(text) < SECRET_KEY_LENGTH:
        raise WrongValue(f"{SECRET_KEY_LENGTH} characters or more, hard to guess")
    return text


def collection_patterns(text: str) -> tuple[str, ...]:
    """Names of collections, or glob patterns of them, separated by commas."""
    try:
        return patterns_of_environment(words(text))
    except WrongPattern as wrong:
        raise WrongValue(f"separated by commas, each {wrong}") from None


def url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text and not (text.split("://")[0] in schemes and "://" in text):
            raise WrongValue("an address that starts with " + " or ".join(f"{s}://" for s in schemes))
        return text

    return parse


def web_address(text: str) -> str:
    """Of one host. Empty means: not set."""
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if text and (not right or re.search(r"\s", text)):
        raise WrongValue("an address such as https://example.com/hook")
    return text


def origins(text: str) -> tuple[str, ...]:
    found = words(text)
    if not all(re.fullmatch(r"https?://[^/\s]+", origin) for origin in found):
        raise WrongValue("addresses like https://sync.example.com, without a path, separated by commas")
    return found


def initial_choice(text: str) -> InitialChoice | None:
    try:
        return InitialChoice.parse(text) if text else None
    except WrongChoice:
        raise WrongValue(FORM) from None


def python_modules(text: str) -> tuple[str, ...]:
    names = tuple(name for one in text.split(",") if (name := one.strip()))
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise WrongValue("names of Python modules or packages (such as myshop.rules), separated by commas")
    return names


def anything(text: str) -> str:
    return text
