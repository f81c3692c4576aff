"""API tokens: the list with their last use, and revoking. `POST /api/token/` creates one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Choice, Text
from syncapp.api.common.paging import Page, PageQuery, filters_of, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.process.described import extend_schema_view
from syncapp.services.access import api_tokens
from syncapp.services.access.api_tokens import Listed
from syncapp.services.access.roles import ROLES
from syncapp.services.errors import NotFound

ORDERS = {name: name for name in ("createdAt", "expiresAt", "lastUsedAt", "name", "user", "role", "state")}


STATES = ("valid", "expired", "revoked")


class TokenListQuery(PageQuery):
    user = Text("the name of a user", required=False, max_length=150)
    role = Choice(choices=ROLES, required=False)
    state = Choice(choices=STATES, required=False)
    ordering = ordering(ORDERS)


class ApiTokenOut(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField(help_text="What it is for")
    user = serializers.CharField()
    role = serializers.CharField(
        help_text="Viewers, Operators or Administrators; empty: all that the user may (older kind)"
    )
    hint = serializers.CharField(help_text="The key's first characters")
    state = serializers.ChoiceField(choices=STATES)
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True, help_text="null: never (older kind)")
    revokedAt = serializers.DateTimeField(allow_null=True)
    lastUsedAt = serializers.DateTimeField(
        allow_null=True, help_text="To the minute; null: never, or not known (older kind)"
    )
    lastUsedFrom = serializers.CharField(help_text="An address")


class TokenPage(Page):
    results = ApiTokenOut(many=True)


def as_document(one: Listed) -> dict[str, Any]:
    times = {
        "createdAt": one.created_at, "expiresAt": one.expires_at, "revokedAt": one.revoked_at,
        "lastUsedAt": one.last_used_at,
    }  # fmt: skip
    return {
        "id": one.id,
        "name": one.name,
        "user": one.user,
        "role": one.role,
        "hint": one.hint,
        "state": one.state,
        **times,
        "lastUsedFrom": one.last_used_from,
    }


@extend_schema_view(
    get=extend_schema(
        operation_id="list_tokens", parameters=[TokenListQuery], responses=TokenPage, tags=["login"]
    )
)
class Tokens(SyncView):
    """Your tokens; for administrators those of everybody. The newest first, without their keys."""

    permission_classes = [IsAuthenticated]
    asks = {"GET": TokenListQuery}

    def get(self, request: Request) -> Response:
        wanted = filters_of(self)
        tokens = [as_document(one) for one in api_tokens.listed(request.user)]
        found = [one for one in tokens if wanted.items() <= one.items()]
        return Response(page_of(self, found, ApiTokenOut, ORDERS))


@extend_schema_view(
    get=extend_schema(operation_id="show_token", responses=ApiTokenOut, tags=["login"]),
    delete=extend_schema(operation_id="revoke_token", responses={200: ApiTokenOut}, tags=["login"]),
)
class TokenOne(SyncView):
    """One token. `DELETE` revokes it at once: your own, or as an administrator anybody's."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request, token_id: str) -> Response:
        found = next((one for one in api_tokens.listed(request.user) if one.id == token_id), None)
        if found is None:
            raise NotFound(f"There is no token with the id {token_id!r} that you may see", "id")
        return Response(as_document(found))

    def delete(self, request: Request, token_id: str) -> Response:
        return Response(as_document(api_tokens.revoke(token_id, request.user)))
