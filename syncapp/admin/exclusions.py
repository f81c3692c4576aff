"""Excluded collections: added and removed through the service, so that it is in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display

from syncapp.admin.base import OfPattern, say_matches
from syncapp.models import ExcludedCollection
from syncapp.services.rules.exclusions import exclude


@admin.register(ExcludedCollection)
class ExcludedCollectionAdmin(OfPattern):
    empty_text = "No exclusions: every collection is pulled from Atlas."
    list_before_template = "syncapp/exclusions_before.html"
    list_display = ("pattern", "created_at")
    search_fields = ("pattern",)
    fields = ("pattern",)
    readonly_fields = ("means", "created_at")
    pattern_help = "A collection's name or a glob pattern such as temp_*: * stands for any characters, ? for one. Not pulled from Atlas; still pushed."

    def get_fields(self, request: HttpRequest, obj: ExcludedCollection | None = None) -> tuple[str, ...]:
        return ("pattern", "means", "created_at") if obj else ("pattern",)

    @display(description="Means")
    def means(self, row: ExcludedCollection) -> str:
        return "What it matches is not pulled from Atlas, and still pushed. Deleting the exclusion deletes no document: then it is pulled again."

    def save_model(
        self, request: HttpRequest, obj: ExcludedCollection, form: ModelForm, change: bool
    ) -> None:
        obj.pk = exclude(obj.pattern, request.user).pk
        say_matches(request, obj.pattern)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
