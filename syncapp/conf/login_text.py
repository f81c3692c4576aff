"""User and password in a URL (MONGODB_URI, CELERY_BROKER_URL, DATABASE_URL): checks the percent-encoding."""

from __future__ import annotations

import re
from urllib.parse import quote

import environ

from syncapp.conf.types import WrongValue, url

ENCODED = ", ".join(f"{letter} as {quote(letter, safe='')}" for letter in "@:/?#%;")
ALLOWED = f"a user and a password that are percent-encoded ({ENCODED})"
_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


def check_login(text: str, forbidden: str) -> None:
    """Raises WrongValue if the user or the password of a URL contains an unencoded character that ends the login:
    `forbidden`, which has / and ?; or a % that begins no code. An unencoded password that is valid by accident, `a%41`,
    can only be refused by the server."""
    _, _, rest = text.partition("://")
    if "@" not in rest:
        return
    ends = re.escape("".join(letter for letter in forbidden if letter in "/?#"))
    found = re.fullmatch(f"(?:([^{ends}]*)@)?([^{ends}@]*)([/?].*)?", rest)
    login, hosts, tail = (found[1], found[2], found[3] or "") if found else ("", "", "")
    if found and login is None:
        ambiguous = "@" in tail and not all(map(_WITH_PORT.fullmatch, hosts.split(",")))
    else:
        ambiguous = not found or "@" in tail.split("?")[0]
    user, _, password = (login or "").partition(":")
    wrong = any(letter in user + password for letter in forbidden)
    if ambiguous or wrong or re.search("%(?![0-9A-Fa-f]{2})", login or ""):
        raise WrongValue(ALLOWED)


def database_url(text: str) -> str:
    """Empty means: not set. Raises WrongValue."""
    url("sqlite", "postgres", "postgresql")(text)
    if not text.startswith("sqlite:"):
        check_login(text, "/?")
    if text:
        try:
            name = environ.Env.db_url_config(text).get("NAME")
        except Exception:
            name = None
        if not name:
            raise WrongValue("sqlite:///path or postgres://user:password@host:port/name")
    return text
