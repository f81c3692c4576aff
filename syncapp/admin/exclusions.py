"""Excluded collections: added and removed through the service, so that it is in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from syncapp.admin.access import ChangedByOperators
from syncapp.admin.base import say_matches
from syncapp.admin.refusals import as_message
from syncapp.models import ExcludedCollection
from syncapp.services.exclusions import exclude, include


@admin.register(ExcludedCollection)
class ExcludedCollectionAdmin(ChangedByOperators, ModelAdmin):
    empty_text = "No exclusions: every collection is pulled from Atlas."
    list_before_template = "syncapp/exclusions_before.html"
    list_display = ("pattern", "created_at")
    search_fields = ("pattern",)
    fields = ("pattern",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if field := form.base_fields.get("pattern"):
            field.help_text = "A collection's name or a glob pattern such as temp_*: * stands for any characters, ? for one. Not pulled from Atlas; still pushed."
        return form

    def save_model(
        self, request: HttpRequest, obj: ExcludedCollection, form: ModelForm, change: bool
    ) -> None:
        obj.pk = exclude(obj.pattern, request.user).pk
        say_matches(request, obj.pattern)

    def delete_model(self, request: HttpRequest, obj: ExcludedCollection) -> None:
        with as_message(request):
            include(obj.pattern, request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ExcludedCollection]) -> None:
        for entry in queryset:
            self.delete_model(request, entry)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
