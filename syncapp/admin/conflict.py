"""Conflicts: to read, both versions side by side, and the loser can be brought back."""

from __future__ import annotations

import datetime as dt

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from monitoring.versions import compare
from syncapp.admin.base import ReadOnlyAdmin, block, plain_id, redirect_to
from syncapp.conflicts.resolve import ResolveRefused, resolve
from syncapp.conflicts.restore import RestoreRefused, restore
from syncapp.databases import Unreachable
from syncapp.engine.values import Side
from syncapp.models import Conflict

BODIES = ("local_document", "atlas_document", "local_raw", "atlas_raw", "document_id_raw")


def exact(moment: dt.datetime | None) -> str:
    """A time to the millisecond, which is what decides."""
    return "unknown" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    list_display = ("when", "collection", "document", "who_won", "strategy", "restored")
    list_display_links = ("when", "document")
    list_filter = ("at", "winner", "strategy", "one_way", ("restored_at", admin.EmptyFieldListFilter))
    search_fields = ("collection", "document_id")
    actions_detail = ("take_local", "take_atlas", "restore_loser")
    fieldsets = (
        (None, {"fields": ("headline", "versions")}),
        ("How it was decided", {"fields": (("at", "strategy"), ("changed_here", "changed_there"))}),
        (
            "Where it came from",
            {
                "fields": (
                    ("local_origin", "atlas_origin"),
                    ("instance_id", "record_id"),
                    ("restored_at", "resolved_at"),
                )
            },
        ),
    )
    readonly_fields = ("headline", "versions", "changed_here", "changed_there")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conflict]:
        # A list must not read two documents of up to 16 MB a row; the page of one loads them when asked
        return super().get_queryset(request).defer(*BODIES)

    @display(description="When", ordering="at")
    def when(self, conflict: Conflict) -> str:
        return f"{conflict.at:%Y-%m-%d %H:%M:%S}"

    @display(description="Document")
    def document(self, conflict: Conflict) -> str:
        return plain_id(conflict.document_id)

    @display(
        description="Winner",
        ordering="winner",
        label={"Local": "info", "Atlas": "success", "Waits for a person": "danger"},
    )
    def who_won(self, conflict: Conflict) -> str:
        over = conflict.winner == Conflict.Winner.OPEN and not conflict.waits
        return "Settled by itself" if over else conflict.get_winner_display()

    @display(description="Loser", label={"restored": "warning"})
    def restored(self, conflict: Conflict) -> str:
        if not conflict.loser:
            return "–"
        return "restored" if conflict.restored_at else "kept"

    @display(description="Document")
    def headline(self, conflict: Conflict) -> SafeString:
        return block(f"{conflict.collection}   _id: {conflict.document_id}")

    @display(description="Local time")
    def changed_here(self, conflict: Conflict) -> str:
        return exact(conflict.local_time)

    @display(description="Atlas time")
    def changed_there(self, conflict: Conflict) -> str:
        return exact(conflict.atlas_time)

    @display(description="Versions")
    def versions(self, conflict: Conflict) -> SafeString:
        local, atlas = conflict.local_document, conflict.atlas_document
        context = {
            "conflict": conflict,
            "pairs": compare(local, atlas),
            "local_absent": not local,
            "atlas_absent": not atlas,
        }
        return render_to_string("syncapp/versions.html", context)

    @action(
        description="Restore the loser",
        url_path="restore",
        icon="settings_backup_restore",
        permissions=["restore_loser"],
        dialog={
            "title": "Restore the version that lost?",
            "description": "It is written to the local MongoDB as a new change, and sync carries it to Atlas. "
            "What is there now is overwritten.",
            "form_class": None,
            "form_submit_text": "Restore",
        },
    )
    def restore_loser(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        conflict = get_object_or_404(Conflict, pk=object_id)
        try:
            restore(conflict, request.user)
            messages.success(
                request, f"The {conflict.loser} version was restored; sync carries it from here."
            )
        except (RestoreRefused, Unreachable) as error:
            messages.error(request, str(error))
        return redirect_to("syncapp_conflict_change", object_id)

    def has_restore_loser_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        if not request.user.has_perm("syncapp.operate_sync"):
            return False
        lost = Conflict.objects.filter(restored_at=None).exclude(winner=Conflict.Winner.OPEN)
        return not object_id or lost.filter(pk=object_id).exists()

    @action(
        description="Take local",
        url_path="take-local",
        icon="upload",
        permissions=["resolve"],
        dialog={
            "title": "Let the local version count?",
            "description": "It is written to Atlas, from where it reaches every device. Atlas's version stays "
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
            "title": "Let Atlas's version count?",
            "description": "It is written to the local MongoDB. The local version stays in this record.",
            "form_class": None,
            "form_submit_text": "Take Atlas",
        },
    )
    def take_atlas(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        return self._resolve(request, object_id, Side.ATLAS)

    def _resolve(self, request: HttpRequest, object_id: int, winner: Side) -> HttpResponse:
        try:
            resolve(get_object_or_404(Conflict, pk=object_id), winner, request.user)
            messages.success(request, f"The {winner} version counts; sync agrees on it.")
        except (ResolveRefused, Unreachable) as error:
            messages.error(request, str(error))
        return redirect_to("syncapp_conflict_change", object_id)

    def has_resolve_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        if not request.user.has_perm("syncapp.operate_sync"):
            return False
        open_ones = Conflict.objects.filter(winner=Conflict.Winner.OPEN, resolved_at=None)
        return not object_id or open_ones.filter(pk=object_id).exists()
