"""Permissions: reading needs a login (or SYNC_API_PUBLIC_READ), changing the operator's permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from syncapp.conf.settings import get_settings
from syncapp.services.access.roles import has, may_operate, may_see, may_see_bodies

if TYPE_CHECKING:
    # The settings name this module, and rest_framework.views reads the settings at its import
    from rest_framework.views import APIView


def may_read(request: HttpRequest | Request) -> bool:
    return get_settings().sync_api_public_read or bool(request.user.is_authenticated)


class SyncAccess(BasePermission):
    """Reading: a login, unless reading is public. Anything else: `syncapp.operate_sync`."""

    message = (
        "This needs the permission to operate sync (syncapp.operate_sync), which the group Operators has; "
        "a token needs the role Operators, too."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return may_read(request)
        return may_operate(request.user)


class RecordAccess(BasePermission):
    """A login that may see the view's `model`, also where reading is public: the record names people."""

    message = "This needs the permission to view this record, which the group Viewers has."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return may_see(request.user, view.model)  # type: ignore[attr-defined]


class ModelAccess(BasePermission):
    """What the admin's page of the view's `model` asks for: Django's permissions on it. Also where reading is
    public."""

    needs = "The login may not do this: it needs the group Administrators, and a token that role"
    message = "This needs the permissions on this that the group Administrators has; a token needs the role Administrators, too."
    ACTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "POST": ("add", "change"),
        "PATCH": ("change",),
        "DELETE": ("delete",),
    }

    def has_permission(self, request: Request, view: APIView) -> bool:
        app, _, name = view.model.partition(".")  # type: ignore[attr-defined]
        acts = self.ACTS.get(str(request.method), ("view",))
        return all(has(request.user, f"{app}.{act}_{name}") for act in acts)


class BodyAccess(BasePermission):
    message = (
        "This needs the permission to see documents (syncapp.see_bodies), which the group Operators has."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        return may_see_bodies(request.user)
