"""Slows down guessing of passwords: failed logins are counted, and after some of them further ones are refused for a while.

The admin's login page and the API's token share this. One process serves all requests (syncproject/gunicorn.py), so the
counts are in its memory.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from django.contrib.auth.signals import user_login_failed
from django.core.cache import cache
from django.dispatch import receiver

from syncapp.conf.settings import get_settings
from syncapp.core.text.one_line import one_line
from syncapp.services.client import address_of, neighbourhood

if TYPE_CHECKING:
    from django.http import HttpRequest

log = structlog.get_logger(__name__)
WINDOW_S = 300
OF_AN_ADDRESS = 5  # times as many for all names


def seconds_to_wait(request: HttpRequest, name: str) -> int:
    """0: a login may be tried. Before the password is looked at, so that also the right one is not recognised."""
    once = get_settings().sync_login_attempts
    limits = zip(_keys(request, name), (once, once * OF_AN_ADDRESS), strict=True)
    found = [cache.get(key) or (0, 0.0) for key, most in limits if (cache.get(key) or (0, 0.0))[0] >= most]
    return max([0, *(int(until - time.time()) + 1 for _, until in found)])


def refusal(seconds: int) -> str:
    return f"Too many failed logins: try again in {seconds} s"


@receiver(user_login_failed)
def _count(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request is None:
        return
    name = str(credentials.get("username", ""))
    for key in _keys(request, name):
        count, until = cache.get(key) or (0, time.time() + WINDOW_S)
        cache.set(key, (count + 1, until), max(1, until - time.time()))
    log.warning(
        "Login failed", event_name="login_failed", user=one_line(name[:150]), address=address_of(request)
    )


def _keys(request: HttpRequest, name: str) -> tuple[str, str]:
    address = neighbourhood(address_of(request))
    return f"login:{address}:{hash(name)}", f"login:{address}"
