"""Pages of others' models (users, groups, periodic tasks): what is changed there stands in the audit log too, with its values
before and after. Django's own log, which calls these methods, is not shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from syncapp.rules.switches import audit

HIDDEN = "password"


class Audited:
    """For a ModelAdmin, before the others."""

    opts: Any

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        request.changed_values = _values(form)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _, after = getattr(request, "changed_values", ({}, {}))
        audit(request.user, f"add {self.opts.verbose_name}", str(obj), after=after)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        before, after = getattr(request, "changed_values", ({}, {}))
        if before or after or isinstance(message, str):
            audit(request.user, f"change {self.opts.verbose_name}", str(obj), before, after)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            audit(request.user, f"delete {self.opts.verbose_name}", str(obj), before={"id": str(obj.pk)})
        return super().log_deletions(request, queryset)  # type: ignore[misc]


def _values(form: ModelForm) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the fields that were changed: before and after. Of a password only that it was."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in form.changed_data:
        old, new = _plain(form.initial.get(name)), _plain(form.cleaned_data.get(name))
        if HIDDEN in name:
            before[name] = after[name] = "***"
        elif old != new:  # a time that the form has cut to seconds has not changed
            before[name], after[name] = old, new
    return before, after


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(_plain(one)) for one in value)
    if isinstance(value, dt.datetime):
        return value.replace(microsecond=0).isoformat()
    if isinstance(value, Model):
        return str(value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)
