"""Rejected changes: to read, with the documents; to try again, and to discard."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from syncapp import rejected
from syncapp.admin.base import ReadOnlyAdmin, block, plain_id, redirect_to, shorter
from syncapp.databases import LocalUnreachable
from syncapp.models import RejectedChange

DISCARD_TITLE = "Discard the rejected change?"
DISCARD = "The document stays as it is on both sides, so that they go on differing. A later change of it is tried again."
RETRY = (
    "Sync looks at the document as if it had changed just now. The row goes when the document went through."
)


def told(request: HttpRequest, service: Callable[..., int], rows: QuerySet, done: str) -> None:
    """Call the service, and say on the next page what came of it."""
    try:
        count = service(rows, request.user)
    except (rejected.NothingChosen, LocalUnreachable) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done.format(f"{count:,} rejected change{'s' * (count != 1)}"))


@admin.register(RejectedChange)
class RejectedChangeAdmin(ReadOnlyAdmin):
    empty_text = "Nothing is rejected: every change was taken by the other side."
    list_display = ("last_at", "collection", "document_key", "direction", "why", "attempts", "retried_at")
    list_display_links = ("last_at", "document_key")
    list_filter = ("direction", "code", "collection")
    search_fields = ("collection", "document_id", "reason")
    actions = ("retry_selected", "discard_selected")
    actions_detail = ("retry_one", "discard_one")
    readonly_fields = ("version", "holder")

    def get_fieldsets(self, request: HttpRequest, obj: RejectedChange | None = None) -> list:
        sets = [
            (None, {"fields": (("collection", "direction"), "document_id", "reason", "version")}),
            ("Attempts", {"fields": (("attempts", "code"), ("first_at", "last_at", "retried_at"))}),
        ]
        if obj is not None and obj.other_id:
            sets.insert(1, ("Held by", {"fields": ("other_id", "holder")}))
        return sets

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedChange]:
        return super().get_queryset(request).defer(*rejected.BODIES)

    @display(description="Document")
    def document_key(self, change: RejectedChange) -> str:
        return plain_id(change.document_id)

    @display(description="Reason")
    def why(self, change: RejectedChange) -> str:
        return shorter(change.reason, 80)

    @display(description="Document")
    def version(self, change: RejectedChange) -> SafeString:
        return block(json.loads(change.document) if change.document else "deleted, or it could not be read")

    @display(description="Document that holds the value")
    def holder(self, change: RejectedChange) -> SafeString:
        return block(json.loads(change.other_document) if change.other_document else "it could not be read")

    # Several: Django's actions, which are POST requests

    @action(description="Try again", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        told(request, rejected.retry, queryset, "{} will be tried again.")

    @action(description="Discard", permissions=["operate"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        if "confirmed" in request.POST:
            told(request, rejected.discard, queryset, "{} discarded.")
            return None
        count = queryset.count()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Discard {count:,} rejected change{'s' * (count != 1)}?",
            "text": DISCARD,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across", "0"),
            "opts": self.opts,
        }
        return TemplateResponse(request, "syncapp/discard.html", context)

    # One

    @action(
        description="Try again",
        url_path="retry",
        icon="refresh",
        permissions=["operate"],
        dialog={
            "title": "Try it again?",
            "description": RETRY,
            "form_class": None,
            "form_submit_text": "Try again",
        },
    )
    def retry_one(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        told(request, rejected.retry, rejected.chosen([object_id]), "{} will be tried again.")
        return redirect_to("syncapp_rejectedchange_change", object_id)

    @action(
        description="Discard",
        url_path="discard",
        icon="delete",
        permissions=["operate"],
        dialog={
            "title": DISCARD_TITLE,
            "description": DISCARD,
            "form_class": None,
            "form_submit_text": "Discard",
        },
    )
    def discard_one(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        told(request, rejected.discard, rejected.chosen([object_id]), "{} discarded.")
        return redirect_to("syncapp_rejectedchange_changelist")

    def has_operate_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        return request.user.has_perm("syncapp.operate_sync")
