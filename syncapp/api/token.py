"""`POST /api/token/`: user name and password for a token that scripts send along."""

from __future__ import annotations

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authtoken.models import Token
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle

from syncapp.api.fields import Text
from syncapp.api.views import SyncView
from syncapp.services.errors import WrongInput


class TokenThrottle(AnonRateThrottle):
    """Per address, against guessing of passwords."""

    rate = "30/min"
    scope = "token"


class Password(Text):
    form = r"\A[^\x00]*\Z"


class Credentials(serializers.Serializer):
    username = Text("the name of a user", max_length=150)
    password = Password("the user's password", max_length=4_096, style={"input_type": "password"})


class TokenAnswer(serializers.Serializer):
    token = serializers.CharField(help_text="Send it as `Authorization: Token …`")


class GetToken(SyncView):
    throttle_classes = (TokenThrottle,)
    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (JSONParser, FormParser, MultiPartParser)
    takes = {"POST": Credentials}

    @extend_schema(request=Credentials, responses=TokenAnswer, auth=[], tags=["login"])
    def post(self, request: Request) -> Response:
        """A token for this user: the same one at each call."""
        user = authenticate(request, **self.wanted)
        if user is None:
            raise WrongInput("Unable to log in with provided credentials.")
        return Response({"token": Token.objects.get_or_create(user=user)[0].key})
