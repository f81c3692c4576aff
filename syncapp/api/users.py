"""Users, their roles, groups and permissions. As in the admin, for administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Boolean, Changes, Choice, Named, Password, Text
from syncapp.api.common.paging import Page, PageQuery, filters_of, ordering, page_of
from syncapp.api.common.permissions import ModelAccess
from syncapp.api.common.views import SyncView
from syncapp.api.password import keep_session
from syncapp.process.described import extend_schema_view
from syncapp.services.access import grants, users
from syncapp.services.access.groups import LONGEST_NAME as LONGEST_GROUP
from syncapp.services.access.roles import ROLES

ORDERS = {
    name: name for name in ("username", "role", "active", "createdAt", "lastLoginAt", "email", "lastName")
}
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
    allowed = "a text that Django's validators accept, or null"
    return Password(
        allowed, write_only=True, allow_null=True, help_text="null: no login by password", **options
    )


class Username(Text):
    form = r"\A[\w.@+-]+\Z"


class Names(Named, serializers.ListField):
    allowed = f"a list of at most {grants.MOST} names"

    def __init__(self, what: str, longest: int, **options: Any) -> None:
        super().__init__(child=Text(what, max_length=longest), max_length=grants.MOST, **options)


def permissions(**options: Any) -> Names:
    return Names(
        "a permission such as syncapp.operate_sync",
        255,
        help_text="As GET /api/permissions lists them",
        **options,
    )


class UserQuery(PageQuery):
    username = Text(
        "a part of the name", required=False, max_length=users.LONGEST_NAME, help_text="A part of it"
    )
    role = Choice(choices=ROLES, required=False)
    group = Text("the name of a group", required=False, max_length=LONGEST_GROUP)
    superuser = Boolean(required=False)
    active = Boolean(required=False)
    ordering = ordering(ORDERS)


def optional(kind: type[Text], allowed: str, most: int) -> Text:
    return kind(allowed, required=False, max_length=most, min_length=0, allow_blank=True)


class UserParts(serializers.Serializer):
    firstName = optional(Text, users.PLAIN_TEXT, users.LONGEST_NAME)
    lastName = optional(Text, users.PLAIN_TEXT, users.LONGEST_NAME)
    email = optional(Text, users.ALLOWED["email"], users.LONGEST_EMAIL)
    groups = Names(
        "the name of a group", LONGEST_GROUP, required=False, help_text="Others than those of the roles"
    )
    staff = Boolean(required=False, help_text="May log in to the admin; every role brings it")
    superuser = Boolean(required=False, help_text="May do everything; given and taken by superusers only")
    active = Boolean(required=False, help_text="false: no login, and no token of this user is valid")
    permissions = permissions(required=False)


class UserIn(UserParts):
    username = Username(users.ALLOWED_NAME, max_length=users.LONGEST_NAME)
    password = password()
    role = role()


class UserChange(Changes, UserParts):
    """What is not given stays."""

    username = Username(users.ALLOWED_NAME, required=False, max_length=users.LONGEST_NAME)
    password = password(required=False)
    role = role(required=False)


class UserOut(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    firstName = serializers.CharField()
    lastName = serializers.CharField()
    email = serializers.CharField()
    role = serializers.CharField(
        allow_null=True, help_text="Viewers, Operators or Administrators; null: in none of these groups"
    )
    groups = serializers.ListField(child=serializers.CharField(), help_text="Others than those of the roles")
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="Given to this user alone, beside those of role and groups"
    )
    staff = serializers.BooleanField(help_text="May log in to the admin")
    superuser = serializers.BooleanField(help_text="May do everything, whatever the role")
    active = serializers.BooleanField()
    hasPassword = serializers.BooleanField(help_text="false: no login by password")
    createdAt = serializers.DateTimeField()
    lastLoginAt = serializers.DateTimeField(
        allow_null=True, help_text="By the login page; null: never. Of tokens see their own last use"
    )


class UserPage(Page):
    results = UserOut(many=True)


def as_document(user: Any) -> dict[str, Any]:
    return {
        "id": user.pk,
        **users.as_values(user),
        "hasPassword": user.has_usable_password(),
        "createdAt": user.date_joined,
        "lastLoginAt": user.last_login,
    }


@extend_schema_view(
    get=extend_schema(operation_id="list_users", parameters=[UserQuery], responses=UserPage, tags=TAGS),
    post=extend_schema(operation_id="add_user", request=UserIn, responses={201: UserOut}, tags=TAGS),
)
class Users(SyncView):
    """Who may log in, by name."""

    permission_classes = [ModelAccess]
    model = "auth.user"
    takes = {"POST": UserIn}
    asks = {"GET": UserQuery}
    refusals = {"GET": (403,), "POST": (409,)}

    def get(self, request: Request) -> Response:
        found = [as_document(one) for one in users.chosen(**filters_of(self))]
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
    """One user. The last active administrator and superuser stay, nobody ends his own login, and nobody changes who may do more
    than himself."""

    permission_classes = [ModelAccess]
    model = "auth.user"
    takes = {"PATCH": UserChange}
    refusals = {"GET": (403,), "PATCH": (409,), "DELETE": (409,)}

    def get(self, request: Request, pk: int) -> Response:
        return Response(as_document(users.find(pk)))

    def patch(self, request: Request, pk: int) -> Response:
        user = users.change(pk, request.user, **self.wanted)
        if "password" in self.wanted:
            keep_session(request, user)
        return Response(as_document(user))

    def delete(self, request: Request, pk: int) -> Response:
        users.remove(pk, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
