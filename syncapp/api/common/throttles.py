"""Limits of the API. A count per minute, in the memory of the one process that serves requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from syncapp.conf.settings import get_settings
from syncapp.services.client import address_of, neighbourhood

if TYPE_CHECKING:
    # The settings name this module, and rest_framework.views reads the settings at its import
    from rest_framework.views import APIView

MINUTE_S = 60


class Rate(BaseThrottle):
    """SYNC_API_RATE requests a minute, of a user or of an address without a login. A count, not the framework's list of times:
    that would be read and written whole at each request."""

    scope = "api"

    def most(self) -> int:
        return get_settings().sync_api_rate

    def who(self, request: Request) -> str:
        if request.user and request.user.is_authenticated:
            return f"user-{request.user.pk}"
        return neighbourhood(address_of(request))

    def allow_request(self, request: Request, view: APIView) -> bool:
        most = self.most()
        return not most or self.count(request) <= most

    def count(self, request: Request) -> int:
        key = f"rate:{self.scope}:{self.who(request)}:{int(time.time()) // MINUTE_S}"
        cache.add(key, 0, MINUTE_S)
        try:
            return cache.incr(key)
        except ValueError:  # its minute is over
            return 1

    def wait(self) -> Any:
        return MINUTE_S - int(time.time()) % MINUTE_S
