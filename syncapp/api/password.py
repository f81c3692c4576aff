"""`POST /api/password`: one's own password. That of others: `PATCH /api/users/{id}`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import update_session_auth_hash
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import Throttled
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Password
from syncapp.api.common.views import SyncView
from syncapp.process.described import extend_schema_view
from syncapp.services.access import logins, passwords


class PasswordIn(serializers.Serializer):
    oldPassword = Password("the password of this login", write_only=True)
    newPassword = Password("a text that Django's validators accept", write_only=True)


@extend_schema_view(
    post=extend_schema(
        operation_id="change_own_password", request=PasswordIn, responses={204: None}, tags=["login"]
    )
)
class OwnPassword(SyncView):
    permission_classes = [IsAuthenticated]
    takes = {"POST": PasswordIn}

    def post(self, request: Request) -> Response:
        """Your own password. A wrong `oldPassword` counts as a failed login."""
        user: Any = request.user
        if seconds := logins.seconds_to_wait(request._request, user.get_username()):
            raise Throttled(seconds, "Too many failed logins.")
        given = self.wanted
        changed = passwords.change_own(request._request, user, given["oldPassword"], given["newPassword"])
        keep_session(request, changed)
        return Response(status=status.HTTP_204_NO_CONTENT)


def keep_session(request: Request, user: Any) -> None:
    """Another password ends all sessions of a user, but not the one in which he has changed it himself."""
    if request.auth is None and request.user.pk == user.pk:
        update_session_auth_hash(request._request, user)
