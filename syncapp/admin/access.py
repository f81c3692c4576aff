"""Who sees what in the admin, and who acts: whoever may operate sync does both, without a permission for each page."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.models import BinaryField
from django.http import Http404, HttpRequest
from django.urls import URLPattern

from syncapp.services.access.roles import may_operate, may_see


class Unsearchable:
    """For a ModelAdmin, before the others. By a filter in the address (`?key__startswith=a`), which Django allows for each field,
    somebody could guess, letter by letter, what the page does not show. Nor can an address say bytes."""

    unsearchable: tuple[str, ...] = ()
    opts: Any

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        bytes_ = {field.name for field in self.opts.get_fields() if isinstance(field, BinaryField)}
        if lookup.partition("__")[0] in bytes_.union(self.unsearchable):
            return False
        return bool(super().lookup_allowed(lookup, value, request))  # type: ignore[misc]


class WithRows:
    """For a ModelAdmin, before the others. Pages and actions of one row are for ids that a row may have: others are not found."""

    opts: Any
    _get_base_actions_detail: Callable[[], list[Any]]

    def get_urls(self) -> list[URLPattern]:
        found: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        names = {action.action_name for action in self._get_base_actions_detail()}
        pages = ("change", "delete", "history")
        names |= {f"{self.opts.app_label}_{self.opts.model_name}_{page}" for page in pages}
        for one in found:
            if one.name in names:
                one.callback = _of_a_row(one.callback)
        return found


def _of_a_row(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def asked(request: HttpRequest, object_id: str, **more: Any) -> Any:
        if not re.fullmatch("[0-9]{1,18}", object_id):
            raise Http404
        return view(request, object_id=object_id, **more)

    return asked


class SeenByOperators(WithRows, Unsearchable):
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
