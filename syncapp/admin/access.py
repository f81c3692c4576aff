"""Who sees what in the admin, and who acts: whoever may operate sync does both, without a permission for each page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from syncapp.services.roles import may_operate, may_see


class Unsearchable:
    """For a ModelAdmin, before the others. By a filter in the address (`?key__startswith=a`), which Django allows for each field,
    somebody could guess, letter by letter, what the page does not show."""

    unsearchable: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        if lookup.partition("__")[0] in self.unsearchable:
            return False
        return bool(super().lookup_allowed(lookup, value, request))  # type: ignore[misc]


class SeenByOperators(Unsearchable):
    """For a ModelAdmin, before the others. `permissions=["operate"]` lets an action be for operators."""

    opts: Any

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see(request.user, self.opts.label_lower)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_see(request.user, self.opts.label_lower)

    def has_operate_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        return may_operate(request.user)


class ChangedByOperators(SeenByOperators):
    """Rows that users create, change and delete."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)
