"""Conflicts: read-only, both versions side by side; the loser can be restored."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from syncapp.admin import conflict_decision, conflict_statistics
from syncapp.admin.base import ReadOnlyAdmin, extended_json, hidden_bodies, redirect_to
from syncapp.admin.conflict_versions import table
from syncapp.admin.document import link_to
from syncapp.admin.refusals import as_message, as_problem, say_restored
from syncapp.admin.versions import TEMPLATE, side_by_side
from syncapp.core.text.extended_json import beyond
from syncapp.core.text.plain_ids import plain_id
from syncapp.core.text.shown_values import shown_id
from syncapp.core.values import Side
from syncapp.models import Conflict
from syncapp.services.access.roles import may_see_bodies
from syncapp.services.conflict_selection import restore_all
from syncapp.services.conflicts import BODIES, resolve, restore, version_now
from syncapp.services.masked import Masks

NOW = "syncapp_conflict_now"
DECIDE = "syncapp_conflict_decide"
LOOK_UP = "This document as it is now on both sides, and its history"


def exact(moment: dt.datetime | None) -> str:
    """A time with milliseconds, the resolution of decisions."""
    return "unknown" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    empty_text = "No conflicts: no document was changed on both sides."
    list_before_template = "syncapp/conflicts_before.html"
    list_display = ("when", "collection", "document", "who_won", "strategy", "restored")
    list_display_links = ("when", "document")
    list_filter = (
        *("at", "winner", "strategy", "one_way", ("restored_at", admin.EmptyFieldListFilter)),
        *("collection", "local_origin", "atlas_origin"),
    )
    search_fields = ("collection", "document_id")
    actions = ("restore_selected",)
    unsearchable = BODIES
    actions_detail = in_page = ("take_local", "take_atlas", "restore_loser")
    fieldsets = (
        (None, {"fields": ("headline", "decisions", "versions", "as_json")}),
        ("Decision", {"fields": ("why", ("at", "strategy"), ("changed_here", "changed_there"))}),
        (
            "Origin",
            {
                "fields": (
                    ("local_origin", "atlas_origin"),
                    "instance_id",
                    ("restored_at", "resolved_at"),
                )
            },
        ),
    )
    readonly_fields = (
        "hidden", "headline", "decisions", "versions", "as_json", "look_up", "now", "why", "changed_here",
        "changed_there",
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Conflict | None = None) -> Any:
        sets = list(super().get_fieldsets(request, obj))
        bodies = may_see_bodies(request.user)
        decides = obj is None or not conflict_decision.offered(obj) or self.has_operate_permission(request)
        versions = ("versions", "as_json", "look_up") if bodies else ("hidden",)
        sets[0] = (None, {"fields": ("headline", *(("decisions",) if decides else ()), *versions)})
        if bodies and obj is not None and obj.loser and obj.restored_at is None:
            sets.insert(1, ("Effect of a restore", {"fields": ("now",)}))
        return sets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conflict]:
        # A list must not read two documents of up to 16 MB per row; the detail page loads them on demand
        return super().get_queryset(request).defer(*BODIES)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        return found and Masks(request.user).conflict(found)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.now_view)
        decide = self.admin_site.admin_view(self.decide_view)
        figures = self.admin_site.admin_view(conflict_statistics.page)
        return [
            path("<int:object_id>/now/", view, name=NOW),
            path("<int:object_id>/decide/", decide, name=DECIDE),
            path("statistics/", figures, name=conflict_statistics.NAME),
            *super().get_urls(),
        ]

    def decide_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Field by field, or by a document of one's own."""
        conflict = get_object_or_404(Conflict, pk=object_id)
        if not self.has_operate_permission(request) or not may_see_bodies(request.user):
            raise PermissionDenied
        if not conflict.waits:
            messages.info(request, "This conflict is already resolved.")
            return HttpResponseRedirect(reverse("admin:syncapp_conflict_change", args=[object_id]))
        return conflict_decision.decide(request, conflict)

    @display(description="When", ordering="at")
    def when(self, conflict: Conflict) -> str:
        return f"{conflict.at:%Y-%m-%d %H:%M:%S} UTC"

    @display(description="Document")
    def document(self, conflict: Conflict) -> str:
        return plain_id(conflict.document_id)

    @display(
        description="Winner",
        ordering="winner",
        label={"Local": "info", "Atlas": "success", "Merged": "info", "Needs manual resolution": "danger"},
    )
    def who_won(self, conflict: Conflict) -> str:
        if conflict.merged:
            return "Merged"
        over = conflict.winner == Conflict.Winner.OPEN and not conflict.waits
        return "Resolved automatically" if over else conflict.get_winner_display()

    @display(description="Loser", label={"restored": "warning"})
    def restored(self, conflict: Conflict) -> str:
        if not conflict.loser:
            return "–"
        return "restored" if conflict.restored_at else "kept"

    @display(description="Document")
    def headline(self, conflict: Conflict) -> SafeString:
        return format_html(
            '<p class="isthmus-id"><b>{}</b> <code>{}</code></p>',
            conflict.collection,
            shown_id(conflict.document_id),
        )

    @display(description="Decision")
    def decisions(self, conflict: Conflict) -> SafeString:
        return render_to_string(
            "syncapp/conflict_decisions.html",
            {
                "decisions": conflict_decision.offered(conflict),
                "settled": conflict_decision.settled(conflict),
            },
        )

    @display(description="Because")
    def why(self, conflict: Conflict) -> str:
        return conflict.because or "–"

    @display(description="Time of the local version")
    def changed_here(self, conflict: Conflict) -> str:
        return exact(conflict.local_time)

    @display(description="Time of Atlas's version")
    def changed_there(self, conflict: Conflict) -> str:
        return exact(conflict.atlas_time)

    @display(description="Versions")
    def versions(self, conflict: Conflict) -> SafeString:
        return render_to_string(TEMPLATE, table(conflict))

    @display(description="Versions")
    def hidden(self, conflict: Conflict) -> SafeString:
        return hidden_bodies()

    @display(description="Versions in full")
    def as_json(self, conflict: Conflict) -> SafeString:
        # What both were made from is kept for some strategies only
        base = {"Base": conflict.base_document} if conflict.base_document else {}
        return extended_json({**base, "Local": conflict.local_document, "Atlas": conflict.atlas_document})

    @display(description="Look up a document")
    def look_up(self, conflict: Conflict) -> SafeString:
        exact = beyond(conflict.document_id, bytes(conflict.document_id_raw))
        link = link_to(conflict.collection, conflict.document_id, exact, LOOK_UP)
        return format_html('<span class="isthmus-page">{}</span>', link)

    @display(description="Local MongoDB")
    def now(self, conflict: Conflict) -> SafeString:
        # Loaded by the page itself: an unreachable database must not block the page
        address = reverse(f"admin:{NOW}", args=[conflict.pk])
        return format_html(
            '<div hx-get="{}" hx-trigger="load">Reading the current local version …</div>', address
        )

    def now_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The current local version beside the one to restore, as a fragment of the page."""
        conflict = get_object_or_404(Conflict, pk=object_id)
        if not self.has_view_permission(request, conflict) or not may_see_bodies(request.user):
            raise PermissionDenied
        context: dict[str, Any] = {}
        with as_problem(context):
            versions, masks = version_now(conflict), Masks(request.user)
            there, coming = (masks.document(conflict.collection, one) for one in versions)
            context |= side_by_side(there, coming, [{"title": "Now"}, {"title": "After a restore"}])
            context["same"] = versions[0] == versions[1]
        return render(request, "syncapp/conflict_now.html", context)

    @admin.action(description="Restore the losing versions", permissions=["operate"])
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[Conflict]) -> None:
        with as_message(request):
            say_restored(request, restore_all(queryset, request.user))

    @action(
        description="Restore the loser",
        url_path="restore",
        icon="settings_backup_restore",
        permissions=["restore_loser"],
        dialog={
            "title": "Restore the losing version?",
            "description": "It is written to the local MongoDB as a new change and pushed to Atlas. "
            "The current version is overwritten.",
            "form_class": None,
            "form_submit_text": "Restore",
        },
    )
    def restore_loser(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        conflict = get_object_or_404(Conflict, pk=object_id)
        with as_message(request):
            restore(conflict, request.user)
            messages.success(
                request,
                f"The {conflict_decision.SIDE_WORDS[conflict.loser]} version was restored as a new local change.",
            )
        return redirect_to("syncapp_conflict_change", object_id)

    def has_restore_loser_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        if not self.has_operate_permission(request):
            return False
        lost = Conflict.objects.filter(restored_at=None).exclude(winner=Conflict.Winner.OPEN)
        return not object_id or lost.filter(pk=object_id).exists()

    @action(
        description="Take local",
        url_path="take-local",
        icon="upload",
        permissions=["resolve"],
        dialog={
            "title": "Use the local version?",
            "description": "It is written to Atlas and from there to every device. Atlas's version stays "
            "in this record.",
            "form_class": None,
            "form_submit_text": "Take local",
        },
    )
    def take_local(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        return self._resolve(request, object_id, Side.LOCAL)

    @action(
        description="Take Atlas",
        url_path="take-atlas",
        icon="download",
        permissions=["resolve"],
        dialog={
            "title": "Use Atlas's version?",
            "description": "It is written to the local MongoDB. The local version stays in this record.",
            "form_class": None,
            "form_submit_text": "Take Atlas",
        },
    )
    def take_atlas(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        return self._resolve(request, object_id, Side.ATLAS)

    def _resolve(self, request: HttpRequest, object_id: int, winner: Side) -> HttpResponse:
        with as_message(request):
            resolve(get_object_or_404(Conflict, pk=object_id), winner, request.user)
            messages.success(request, f"The {winner} version was used.")
        return redirect_to("syncapp_conflict_change", object_id)

    def has_resolve_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        if not self.has_operate_permission(request):
            return False
        open_ones = Conflict.objects.filter(winner=Conflict.Winner.OPEN, resolved_at=None)
        return not object_id or open_ones.filter(pk=object_id).exists()
