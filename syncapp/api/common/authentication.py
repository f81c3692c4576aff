"""The login of scripts: `Authorization: Token …`, of either kind of token (`syncapp.services.access.api_tokens`)."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from syncapp.services.access.api_tokens import PREFIX, valid_token
from syncapp.services.access.roles import narrowed
from syncapp.services.client import address_of, neighbourhood

WRONG = "Invalid, expired or revoked token."
MOST_WRONG, WINDOW_S = 100, 60


class TokenOfRole(TokenAuthentication):
    """A user who comes with a token of a role may do no more than that role. Wrong tokens are slowed down; right ones from the
    same address, which may be a proxy's, are not: a key is too long to be guessed."""

    def authenticate(self, request: Request) -> Any:
        self.address = address_of(request)
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            key = f"wrong-token:{neighbourhood(self.address)}"
            cache.add(key, 0, WINDOW_S)
            if cache.incr(key) > MOST_WRONG:
                raise Throttled(WINDOW_S, "Too many wrong tokens.") from None
            raise

    def authenticate_credentials(self, key: str) -> Any:
        if not key.startswith(PREFIX):
            return super().authenticate_credentials(key)
        token = valid_token(key, self.address)
        if token is None:
            raise AuthenticationFailed(WRONG)
        return narrowed(token.user, token), token
