"""Groups and their permissions. As in the admin, for administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Boolean, Changes, Text
from syncapp.api.common.paging import Page, PageQuery, filters_of, ordering, page_of
from syncapp.api.common.permissions import ModelAccess
from syncapp.api.common.views import SyncView
from syncapp.api.users import permissions
from syncapp.process.described import extend_schema_view
from syncapp.services.access import grants, groups

ORDERS = {name: name for name in ("name", "role", "members")}
PERMISSION_ORDERS = {name: name for name in ("permission", "name")}
TAGS = ["users"]


class GroupQuery(PageQuery):
    name = Text(
        "a part of the name", required=False, max_length=groups.LONGEST_NAME, help_text="A part of it"
    )
    role = Boolean(required=False, help_text="true: those of the roles only; false: the others")
    ordering = ordering(ORDERS)


class GroupIn(serializers.Serializer):
    name = Text(groups.ALLOWED_NAME, max_length=groups.LONGEST_NAME)
    permissions = permissions()


class GroupChange(Changes):
    """What is not given stays."""

    name = Text(groups.ALLOWED_NAME, required=False, max_length=groups.LONGEST_NAME)
    permissions = permissions(required=False)


class GroupOut(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.BooleanField(
        help_text="It is that of one of the three roles: its name stays, and it is not deleted"
    )
    permissions = serializers.ListField(child=serializers.CharField())
    members = serializers.IntegerField(help_text="Users in it")


class GroupPage(Page):
    results = GroupOut(many=True)


def as_document(group: Any) -> dict[str, Any]:
    return {
        "id": group.pk,
        **groups.as_values(group),
        "role": groups.is_role(group),
        "members": group.members,
    }


@extend_schema_view(
    get=extend_schema(operation_id="list_groups", parameters=[GroupQuery], responses=GroupPage, tags=TAGS),
    post=extend_schema(operation_id="add_group", request=GroupIn, responses={201: GroupOut}, tags=TAGS),
)
class Groups(SyncView):
    """Groups with what their members may do, by name."""

    permission_classes = [ModelAccess]
    model = "auth.group"
    takes = {"POST": GroupIn}
    asks = {"GET": GroupQuery}
    refusals = {"GET": (403,), "POST": (409,)}

    def get(self, request: Request) -> Response:
        found = [as_document(one) for one in groups.chosen(**filters_of(self))]
        return Response(page_of(self, found, GroupOut, ORDERS))

    def post(self, request: Request) -> Response:
        group = groups.add(request.user, **self.wanted)
        return Response(as_document(group), status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(operation_id="show_group", responses=GroupOut, tags=TAGS),
    patch=extend_schema(operation_id="change_group", request=GroupChange, responses=GroupOut, tags=TAGS),
    delete=extend_schema(operation_id="delete_group", responses={204: None}, tags=TAGS),
)
class GroupOne(SyncView):
    """One group. Nobody gives away permissions that he does not have."""

    permission_classes = [ModelAccess]
    model = "auth.group"
    takes = {"PATCH": GroupChange}
    refusals = {"GET": (403,), "PATCH": (409,), "DELETE": (409,)}

    def get(self, request: Request, pk: int) -> Response:
        return Response(as_document(groups.find(pk)))

    def patch(self, request: Request, pk: int) -> Response:
        return Response(as_document(groups.change(pk, request.user, **self.wanted)))

    def delete(self, request: Request, pk: int) -> Response:
        groups.remove(pk, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PermissionQuery(PageQuery):
    ordering = ordering(PERMISSION_ORDERS)


class PermissionOut(serializers.Serializer):
    permission = serializers.CharField(help_text="As groups and users are given it")
    name = serializers.CharField(help_text="For people")


class PermissionPage(Page):
    results = PermissionOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_permissions", parameters=[PermissionQuery], responses=PermissionPage, tags=TAGS
    )
)
class Permissions(SyncView):
    """What groups and users can be allowed."""

    permission_classes = [ModelAccess]
    model = "auth.group"
    asks = {"GET": PermissionQuery}
    refusals = {"GET": (403,)}

    def get(self, request: Request) -> Response:
        found = [{"permission": grants.name_of(one), "name": one.name} for one in grants.listed()]
        return Response(page_of(self, found, PermissionOut, PERMISSION_ORDERS))
