"""Who sees what in the admin: whoever may operate sync sees all of it, without a permission for each page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from syncapp.services.roles import may_see


class SeenByOperators:
    """For a ModelAdmin, before the others."""

    opts: Any

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see(request.user, self.opts.label_lower)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_see(request.user, self.opts.label_lower)
