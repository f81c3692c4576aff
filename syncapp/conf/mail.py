"""Mail addresses, and the mail server's URL (EMAIL_URL)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from syncapp.conf.login_text import check_login
from syncapp.conf.types import WrongValue, words

SCHEMES: dict[str, dict[str, bool]] = {
    "smtp": {},
    "smtp+tls": {"use_tls": True},
    "smtp+ssl": {"use_ssl": True},
}
PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")
FORM = "smtp://, smtp+tls:// or smtp+ssl://user:password@host:port"


def email_addresses(text: str) -> tuple[str, ...]:
    found = words(text)
    if not all(ADDRESS.fullmatch(one) for one in found):
        raise WrongValue("e-mail addresses, separated by commas")
    return found


def one_address(text: str) -> str:
    """Empty means: not set."""
    if text and not ADDRESS.fullmatch(text):
        raise WrongValue("an e-mail address")
    return text


def email_url(text: str) -> str:
    """Empty means: not set. Raises WrongValue."""
    if not text:
        return text
    check_login(text, "/?#")
    try:
        parts = urlsplit(text)
        right = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise WrongValue(FORM)
    return text


def email_options(url: str) -> dict[str, Any]:
    """Of Django's backend for SMTP."""
    parts = urlsplit(url)
    return {
        "backend": "django.core.mail.backends.smtp.EmailBackend",
        "host": parts.hostname,
        "port": parts.port or PORTS[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": False,
        "use_ssl": False,
        **SCHEMES[parts.scheme],
    }
