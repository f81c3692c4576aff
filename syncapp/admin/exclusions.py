"""Excluded collections: added and removed through the service, so that it is in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from syncapp.admin.access import SeenByOperators
from syncapp.admin.base import say_matches
from syncapp.models import ExcludedCollection
from syncapp.rules.switches import exclude, include


@admin.register(ExcludedCollection)
class ExcludedCollectionAdmin(SeenByOperators, ModelAdmin):
    empty_text = "Nothing is excluded: every collection is pulled from Atlas."
    list_before_template = "syncapp/exclusions_before.html"
    list_display = ("pattern", "created_at")
    search_fields = ("pattern",)
    fields = ("pattern",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if field := form.base_fields.get("pattern"):
            field.help_text = "A collection's name or a glob pattern such as temp_*: * stands for any characters, ? for one. Not pulled from Atlas; it still goes up."
        return form

    def save_model(
        self, request: HttpRequest, obj: ExcludedCollection, form: ModelForm, change: bool
    ) -> None:
        obj.pk = exclude(obj.pattern, request.user).pk
        say_matches(request, obj.pattern)

    def delete_model(self, request: HttpRequest, obj: ExcludedCollection) -> None:
        include(obj.pattern, request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ExcludedCollection]) -> None:
        for entry in queryset:
            include(entry.pattern, request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("syncapp.operate_sync")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("syncapp.operate_sync")
