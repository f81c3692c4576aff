"""Up to which time each collection is in sync, as comparisons last found it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from syncapp.admin.base import ReadOnlyAdmin
from syncapp.models import ComparedCollection, ComparisonRun


@admin.register(ComparedCollection)
class ComparedCollectionAdmin(ReadOnlyAdmin):
    empty_text = (
        "Nothing has been compared yet. A part is compared every night; “Verify” compares everything now."
    )
    list_display = ("collection", "in_sync", "differs", "compared", "when")
    search_fields = ("collection",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ComparedCollection]:
        runs = ComparisonRun.objects.filter(run_id=OuterRef("run_id")).values("pk")
        return super().get_queryset(request).annotate(run_pk=Subquery(runs[:1]))

    @display(description="In sync as of", ordering="as_of")
    def in_sync(self, row: ComparedCollection) -> str:
        return f"{row.as_of:%Y-%m-%d %H:%M:%S} UTC" if row.as_of else "–"

    @display(description="Differ", ordering="differing")
    def differs(self, row: ComparedCollection) -> str:
        return f"{row.differing:,}"

    @display(description="Documents compared", ordering="documents")
    def compared(self, row: ComparedCollection) -> str:
        return f"{row.documents:,}"

    @display(description="Last comparison", ordering="compared_at")
    def when(self, row: Any) -> SafeString:
        text = f"{row.compared_at:%Y-%m-%d %H:%M:%S} UTC"
        if row.run_pk is None:  # runs are kept for 30 days
            return format_html("{}", text)
        page = reverse("admin:syncapp_comparisonrun_change", args=[row.run_pk])
        return format_html('<a href="{}">{}</a>', page, text)
