"""Permissions: reading needs a login (or SYNC_API_PUBLIC_READ), changing the operator's permission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from syncapp.conf.settings import get_settings
from syncapp.services.roles import OPERATE

if TYPE_CHECKING:
    # The settings name this module, and rest_framework.views reads the settings at its import
    from rest_framework.views import APIView


def may_read(request: HttpRequest | Request) -> bool:
    return get_settings().sync_api_public_read or bool(request.user.is_authenticated)


class SyncAccess(BasePermission):
    """Reading: a login, unless reading is public. Anything else: `syncapp.operate_sync`."""

    message = (
        "This needs the permission to operate sync (syncapp.operate_sync), which the group Operators has."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return may_read(request)
        return bool(request.user.has_perm(OPERATE))
