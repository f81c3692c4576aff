"""Users and their roles. As in the admin, for administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.fields import Boolean, Changes, Choice, Password, Text
from syncapp.api.paging import Page, PageQuery, ordering, page_of
from syncapp.api.permissions import UserAccess
from syncapp.api.views import SyncView
from syncapp.process.described import extend_schema_view
from syncapp.services import users
from syncapp.services.roles import ROLES

ORDERS = {name: name for name in ("username", "role", "active", "createdAt", "lastLoginAt")}
TAGS = ["users"]


class Role(Choice):
    allowed = f"{', '.join(ROLES)} or null"


def role(**options: Any) -> Role:
    return Role(
        choices=ROLES,
        allow_null=True,
        help_text="The group; null: none of the three, a login that may read by API",
        **options,
    )


def password(**options: Any) -> Password:
    return Password("a text that Django's validators accept", write_only=True, **options)


class Username(Text):
    form = r"\A[\w.@+-]+\Z"


class UserQuery(PageQuery):
    ordering = ordering(ORDERS)


class UserIn(serializers.Serializer):
    username = Username(users.ALLOWED_NAME, max_length=users.LONGEST_NAME)
    password = password()
    role = role()


class UserChange(Changes):
    """What is not given stays."""

    role = role(required=False)
    active = Boolean(required=False, help_text="false: no login, and no token of this user is valid")
    password = password(required=False)


class UserOut(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    role = serializers.CharField(
        allow_null=True, help_text="Viewers, Operators or Administrators; null: in none of these groups"
    )
    superuser = serializers.BooleanField(help_text="May do everything, whatever the role")
    active = serializers.BooleanField()
    createdAt = serializers.DateTimeField()
    lastLoginAt = serializers.DateTimeField(
        allow_null=True, help_text="By the login page; null: never. Of tokens see their own last use"
    )


class UserPage(Page):
    results = UserOut(many=True)


def as_document(user: Any) -> dict[str, Any]:
    return {
        "id": user.pk,
        "username": user.username,
        "role": users.role_of(user),
        "superuser": user.is_superuser,
        "active": user.is_active,
        "createdAt": user.date_joined,
        "lastLoginAt": user.last_login,
    }


@extend_schema_view(
    get=extend_schema(operation_id="list_users", parameters=[UserQuery], responses=UserPage, tags=TAGS),
    post=extend_schema(operation_id="add_user", request=UserIn, responses={201: UserOut}, tags=TAGS),
)
class Users(SyncView):
    """Who may log in, by name."""

    permission_classes = [UserAccess]
    model = "auth.user"
    takes = {"POST": UserIn}
    asks = {"GET": UserQuery}
    refusals = {"GET": (403,), "POST": (409,)}

    def get(self, request: Request) -> Response:
        found = [as_document(one) for one in users.listed()]
        return Response(page_of(self, found, UserOut, ORDERS))

    def post(self, request: Request) -> Response:
        user = users.add(**self.wanted, by=request.user)
        return Response(as_document(user), status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(operation_id="show_user", responses=UserOut, tags=TAGS),
    patch=extend_schema(operation_id="change_user", request=UserChange, responses=UserOut, tags=TAGS),
    delete=extend_schema(operation_id="delete_user", responses={204: None}, tags=TAGS),
)
class UserOne(SyncView):
    """One user. The last active administrator stays one; superusers are changed by superusers only."""

    permission_classes = [UserAccess]
    model = "auth.user"
    takes = {"PATCH": UserChange}
    refusals = {"GET": (403,), "PATCH": (409,), "DELETE": (409,)}

    def get(self, request: Request, pk: int) -> Response:
        return Response(as_document(self._found(pk)))

    def patch(self, request: Request, pk: int) -> Response:
        self._found(pk)
        return Response(as_document(users.change(pk, request.user, **self.wanted)))

    def delete(self, request: Request, pk: int) -> Response:
        self._found(pk)
        users.remove(pk, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _found(self, pk: int) -> Any:
        user = users.find(pk)
        self.check_object_permissions(self.request, user)
        return user
