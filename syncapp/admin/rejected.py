"""Rejected changes: read-only, with the documents; retry and discard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from monitoring.health.values import counted
from syncapp.admin.base import ReadOnlyAdmin, block, hidden_bodies, readable, redirect_to
from syncapp.admin.refusals import as_message
from syncapp.core.text.plain_ids import plain_id, shorter
from syncapp.core.text.shown_values import shown_id
from syncapp.models import RejectedChange
from syncapp.services import rejected
from syncapp.services.access.roles import may_see_bodies
from syncapp.services.masked import Masks

DISCARD_TITLE = "Discard the rejected change?"
DISCARD = (
    "The document is not changed on either side: they keep differing. A later change of it is processed."
)
RETRY = "The document is processed as if it had just changed. The row is removed when the change is accepted."


DECISIONS = ("retry_one", "discard_one")


def told(request: HttpRequest, service: Callable[..., int], rows: QuerySet, done: str) -> None:
    """Call the service, and show the result on the next page."""
    with as_message(request):
        count = service(rows, request.user)
        messages.success(request, done.format(counted(count, "rejected change")))


@admin.register(RejectedChange)
class RejectedChangeAdmin(ReadOnlyAdmin):
    empty_text = "No rejected changes: the other side accepted every change."
    list_display = ("last_at", "collection", "document_key", "direction", "why", "attempts", "retried_at")
    list_display_links = ("last_at", "document_key")
    list_filter = ("direction", "code", "collection")
    search_fields = ("collection", "document_id", "reason")
    unsearchable = (*rejected.BODIES, "reason")
    actions = ("retry_selected", "discard_selected")
    actions_detail = in_page = ("retry_one", "discard_one")
    readonly_fields = ("headline", "decisions", "version", "hidden", "other", "holder")

    def get_fieldsets(self, request: HttpRequest, obj: RejectedChange | None = None) -> list:
        decisions = ("decisions",) if self.has_operate_permission(request) else ()
        bodies = may_see_bodies(request.user)
        version = "version" if bodies else "hidden"
        sets = [
            (None, {"fields": ("headline", "direction", "reason", *decisions, version)}),
            ("Attempts", {"fields": (("attempts", "code"), ("first_at", "last_at", "retried_at"))}),
        ]
        if obj is not None and obj.other_id:
            sets.insert(1, ("Held by", {"fields": ("other", "holder") if bodies else ("other",)}))
        return sets

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedChange]:
        return super().get_queryset(request).defer(*rejected.BODIES)

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Without the reasons where some are not shown: they could be guessed, letter by letter."""
        return [name for name in self.search_fields if name != "reason" or Masks(request.user).sees_all]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found, masks = super().get_object(request, object_id, from_field), Masks(request.user)
        return found and masks.reasons(masks.fields(found, "document", "other_document"))

    def get_list_display(self, request: HttpRequest) -> Any:
        masks = Masks(request.user)

        @display(description="Reason")
        def why(change: RejectedChange) -> str:
            return shorter(masks.reason(change.collection, change.reason), 160)

        return [why if name == "why" else name for name in self.list_display]

    @display(description="Document")
    def document_key(self, change: RejectedChange) -> str:
        return plain_id(change.document_id)

    @display(description="Reason")
    def why(self, change: RejectedChange) -> str:  # its place in the list: `get_list_display` masks it
        return ""

    @display(description="Document")
    def headline(self, change: RejectedChange) -> SafeString:
        return format_html(
            '<p class="isthmus-id"><b>{}</b> <code>{}</code></p>',
            change.collection,
            shown_id(change.document_id),
        )

    @display(description="Decision")
    def decisions(self, change: RejectedChange) -> SafeString:
        pages = [reverse(f"admin:syncapp_rejectedchange_{name}", args=[change.pk]) for name in DECISIONS]
        return render_to_string("syncapp/rejected_decisions.html", dict(zip(DECISIONS, pages, strict=True)))

    @display(description="Contents")
    def version(self, change: RejectedChange) -> SafeString:
        return readable(change.document) if change.document else block("deleted, or unreadable")

    @display(description="Contents")
    def hidden(self, change: RejectedChange) -> SafeString:
        return hidden_bodies()

    @display(description="Document")
    def other(self, change: RejectedChange) -> str:
        return shown_id(change.other_id)

    @display(description="Document that holds the value")
    def holder(self, change: RejectedChange) -> SafeString:
        return readable(change.other_document) if change.other_document else block("unreadable")

    # Bulk: Django's actions, which are POST requests

    @action(description="Try again", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        told(request, rejected.retry, queryset, "{} will be retried.")

    @action(description="Discard", permissions=["operate"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        if "confirmed" in request.POST:
            told(request, rejected.discard, queryset, "{} discarded.")
            return None
        count = queryset.count()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Discard {counted(count, 'rejected change')}?",
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
            "title": "Try again?",
            "description": RETRY,
            "form_class": None,
            "form_submit_text": "Try again",
        },
    )
    def retry_one(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        told(request, rejected.retry, rejected.chosen([object_id]), "{} will be retried.")
        # Not to its own page, which is gone as soon as the change is accepted
        return redirect_to("syncapp_rejectedchange_changelist")

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
