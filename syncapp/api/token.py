"""`POST /api/token/`: user name and password for a token that scripts send along."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle


class TokenThrottle(AnonRateThrottle):
    """Per address: guessing passwords must be slow."""

    rate = "30/min"
    scope = "token"


class Credentials(serializers.Serializer):
    username = serializers.CharField()
    password = serializers.CharField(style={"input_type": "password"})


class TokenAnswer(serializers.Serializer):
    token = serializers.CharField(help_text="Send it as `Authorization: Token …`")


class GetToken(ObtainAuthToken):
    throttle_classes = (TokenThrottle,)

    @extend_schema(request=Credentials, responses=TokenAnswer, auth=[], tags=["login"])
    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """A token for this user: the same one at each call."""
        return super().post(request, *args, **kwargs)
