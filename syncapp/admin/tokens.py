"""Resume tokens, mirrored. One can be cleared, which forces a comparison."""

from __future__ import annotations

from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from syncapp.admin.base import ReadOnlyAdmin, block, redirect_to
from syncapp.admin.refusals import as_message
from syncapp.core.values import Side
from syncapp.models import ResumeToken
from syncapp.services import tokens


@admin.register(ResumeToken)
class ResumeTokenAdmin(ReadOnlyAdmin):
    empty_text = "No tokens yet: the listener saves one for each stream."
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
        permissions=["operate"],
        dialog={
            "title": "Clear this resume token?",
            "description": "The stream is read from now on, and both sides are compared, beside live sync.",
            "form_class": None,
            "form_submit_text": "Clear and compare",
        },
    )
    def clear_token(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        row = get_object_or_404(ResumeToken, pk=object_id)
        with as_message(request):
            cleared = tokens.clear([Side(row.side)], request.user)
            text = "Cleared: both sides are compared." if cleared else "The token was already gone."
            messages.success(request, text)
        return redirect_to("syncapp_resumetoken_changelist")
