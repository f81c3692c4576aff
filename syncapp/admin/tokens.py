"""Resume tokens, mirrored. One can be cleared, which forces a comparison."""

from __future__ import annotations

from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from syncapp.admin.base import ReadOnlyAdmin, block, redirect_to
from syncapp.core.values import Side
from syncapp.models import ResumeToken
from syncapp.services import runs
from syncapp.services.databases import Unreachable


@admin.register(ResumeToken)
class ResumeTokenAdmin(ReadOnlyAdmin):
    empty_text = "No token is saved yet: the listener saves one for each stream when it runs."
    actions_detail = ("clear_token",)
    list_display = ("side", "cluster_time", "saved_at", "instance_id")
    fields = (("side", "instance_id"), ("cluster_time", "saved_at"), "token_text")
    readonly_fields = ("token_text",)

    @display(description="Token")
    def token_text(self, token: ResumeToken) -> SafeString:
        return block(token.token)

    @action(
        description="Clear",
        url_path="clear",
        icon="bookmark_remove",
        permissions=["clear_token"],
        dialog={
            "title": "Clear this resume token?",
            "description": "The stream is read from now on, and both sides are compared, beside live sync.",
            "form_class": None,
            "form_submit_text": "Clear and compare",
        },
    )
    def clear_token(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        row = get_object_or_404(ResumeToken, pk=object_id)
        try:
            cleared = runs.clear_tokens([Side(row.side)], request.user)
            text = "Cleared: both sides are compared." if cleared else "There was no token any more."
            messages.success(request, text)
        except Unreachable as error:
            messages.error(request, str(error))
        return redirect_to("syncapp_resumetoken_changelist")

    def has_clear_token_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        return request.user.has_perm("syncapp.operate_sync")
