"""`POST /api/token/`: user name and password for a token that scripts send along."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import Throttled
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Choice, Password, Text, Whole
from syncapp.api.common.throttles import Rate
from syncapp.api.common.views import SyncView
from syncapp.process.described import extend_schema_view
from syncapp.services.access import api_tokens, logins
from syncapp.services.access.roles import ROLES
from syncapp.services.errors import WrongInput, wrong_value


class TokenThrottle(Rate):
    """Per address, beside the limit of failed logins."""

    scope = "token"

    def most(self) -> int:
        return 30


class Credentials(serializers.Serializer):
    username = Text("the name of a user", max_length=150)
    password = Password("the user's password")
    role = Choice(
        choices=ROLES,
        required=False,
        help_text="The token may do no more than this. Without it: the user's one token of the older kind, which may do "
        "all that the user may, and never expires",
    )
    name = Text(
        "what the token is for", required=False, max_length=api_tokens.LONGEST_NAME, help_text="With role"
    )
    expiresInDays = Whole(
        f"a whole number from 1 to {api_tokens.MOST_DAYS}", required=False, min_value=1, max_value=api_tokens.MOST_DAYS,
        help_text=f"With role; {api_tokens.DAYS} if not given",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("name", "expiresInDays"):
            if name in attrs and "role" not in attrs:
                raise wrong_value(name, attrs[name], "only with role")
        return attrs


class TokenAnswer(serializers.Serializer):
    token = serializers.CharField(
        help_text="Send it as `Authorization: Token …`. One with a role is shown only here"
    )
    id = serializers.CharField(help_text="By which it is listed and revoked")
    role = serializers.CharField(allow_null=True)
    expiresAt = serializers.DateTimeField(allow_null=True, help_text="null: never")


@extend_schema_view(post=extend_schema(request=Credentials, responses=TokenAnswer, auth=[], tags=["login"]))
class GetToken(SyncView):
    throttle_classes = (TokenThrottle,)
    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (JSONParser, FormParser, MultiPartParser)
    takes = {"POST": Credentials}

    def post(self, request: Request) -> Response:
        """A new token of a role; without `role` the user's one token of the older kind, the same at each call."""
        given = self.wanted
        name = given["username"]
        if seconds := logins.seconds_to_wait(request._request, name):
            raise Throttled(seconds, "Too many failed logins.")
        user: Any = authenticate(request._request, username=name, password=given["password"])
        if user is None:
            raise WrongInput("Unable to log in with provided credentials.")
        if "role" not in given:
            older = Token.objects.get_or_create(user=user)[0]
            return _answer(older.key, f"{api_tokens.OLDER}{user.pk}", None, None)
        days = given.get("expiresInDays", api_tokens.DAYS)
        token, key = api_tokens.create(user, given.get("name") or "API", given["role"], days, by=user)
        return _answer(key, str(token.pk), token.role, token.expires_at)


def _answer(key: str, token_id: str, role: str | None, expires: Any) -> Response:
    return Response({"token": key, "id": token_id, "role": role, "expiresAt": expires})
