"""Who sees what in the admin: whoever may operate sync sees all of it, without a permission for each page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

OPERATE = "syncapp.operate_sync"


def may_see(user: Any, model: str) -> bool:
    """`model`: the label of a model, for instance syncapp.conflict."""
    app, _, name = model.partition(".")
    return bool(user.has_perm(f"{app}.view_{name}") or (app == "syncapp" and user.has_perm(OPERATE)))


class SeenByOperators:
    """For a ModelAdmin, before the others."""

    opts: Any

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see(request.user, self.opts.label_lower)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_see(request.user, self.opts.label_lower)
