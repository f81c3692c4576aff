"""Alerts: read-only, with what they mean, what to do and who was told; acknowledge and silence."""

from __future__ import annotations

import datetime as dt

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from monitoring.alerts import operations
from monitoring.alerts.catalogue import DEFAULTS
from monitoring.health.values import Code
from syncapp.admin.base import ReadOnlyAdmin, redirect_to
from syncapp.admin.refusals import as_message
from syncapp.core.text.plain_ids import shorter
from syncapp.models import Alert, AlertMessage

STATE_LABELS = {
    "Pending": "info",
    "Firing": "danger",
    "Acknowledged": "warning",
    "Silenced": "info",
    "Resolved": "success",
}
SEVERITY_LABELS = {"Warning": "warning", "Critical": "danger"}
MINUTES = {60: "1 hour", 480: "8 hours", 1_440: "1 day", 10_080: "1 week"}


class SilenceForm(BaseDialogForm):
    minutes = forms.TypedChoiceField(
        choices=list(MINUTES.items()), coerce=int, label="For", widget=UnfoldAdminSelectWidget
    )


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    empty_text = "No alerts: nothing has been wrong for long enough to tell anybody."
    list_display = ("since", "state_label", "severity_label", "code", "about", "what", "resolved_at")
    list_display_links = ("since", "code")
    list_filter = ("state", "severity", "code")
    search_fields = ("code", "about", "message")
    actions_detail = in_page = ("acknowledge", "silence", "unsilence")
    readonly_fields = ("state_label", "severity_label", "decisions", "means", "todo", "told_whom")

    def get_fieldsets(self, request: HttpRequest, obj: Alert | None = None) -> list:
        acts = self.has_operate_permission(request) and obj is not None and obj.resolved_at is None
        decisions = ("decisions",) if acts else ()
        return [
            (None, {"fields": (("code", "about"), ("state_label", "severity_label"), "message", *decisions)}),
            ("What to do", {"fields": ("means", "todo")}),
            (
                "Times",
                {
                    "fields": (
                        ("since", "fired_at", "resolved_at"),
                        ("acknowledged_at", "acknowledged_by", "silenced_until"),
                    )
                },
            ),
            ("Sent", {"fields": ("told_whom",)}),
        ]

    @display(description="State", label=STATE_LABELS, ordering="state")
    def state_label(self, alert: Alert) -> str:
        return alert.get_state_display()

    @display(description="Severity", label=SEVERITY_LABELS, ordering="severity")
    def severity_label(self, alert: Alert) -> str:
        return alert.get_severity_display()

    @display(description="Message")
    def what(self, alert: Alert) -> str:
        return shorter(alert.message, 100)

    @display(description="Means")
    def means(self, alert: Alert) -> str:
        return next((f"{one.means}." for code, one in DEFAULTS.items() if code == alert.code), "–")

    @display(description="To do")
    def todo(self, alert: Alert) -> SafeString:
        page = format_html(' <a href="{}">Open its page</a>', reverse(alert.page)) if alert.page else ""
        for code, one in DEFAULTS.items():
            if code == alert.code:
                text = '<span class="isthmus-page"><span>{}. <a href="{}">Runbook</a>{}</span></span>'
                return format_html(text, one.todo, Code(code).runbook, page)
        return SafeString("–")

    @display(description="Messages")
    def told_whom(self, alert: Alert) -> SafeString:
        rows = AlertMessage.objects.filter(alert=alert).select_related("channel")
        lines = [(row.channel.name, row.get_kind_display(), _fate(row)) for row in rows]
        return format_html_join("", "<p>{}: {}, {}</p>", lines) or SafeString("Nobody was told.")

    @display(description="Decision")
    def decisions(self, alert: Alert) -> SafeString:
        names = ("acknowledge", "silence", "unsilence")
        pages = {name: reverse(f"admin:syncapp_alert_{name}", args=[alert.pk]) for name in names}
        return render_to_string(
            "syncapp/alert_decisions.html", {"pages": pages, "alert": alert, "choices": MINUTES.items()}
        )

    @action(
        description="Acknowledge",
        url_path="acknowledge",
        permissions=["operate"],
        dialog={
            "title": "Acknowledge the alert?",
            "description": "It is sent again only if it gets worse.",
            "form_class": None,
            "form_submit_text": "Acknowledge",
        },
    )
    def acknowledge(self, request: HttpRequest, form: forms.Form, object_id: int) -> HttpResponse:
        with as_message(request):
            operations.acknowledge(object_id, request.user)
            messages.success(request, "Acknowledged.")
        return redirect_to("syncapp_alert_change", object_id)

    @action(
        description="Silence",
        url_path="silence",
        permissions=["operate"],
        dialog={
            "title": "Silence the alert?",
            "description": "Nothing is sent until then, also if it ends and begins again.",
            "form_class": SilenceForm,
            "form_submit_text": "Silence",
        },
    )
    def silence(self, request: HttpRequest, form: SilenceForm, object_id: int) -> HttpResponse:
        minutes = form.cleaned_data["minutes"]
        with as_message(request):
            operations.silence(object_id, timezone.now() + dt.timedelta(minutes=minutes), request.user)
            messages.success(request, f"Silenced for {MINUTES[minutes]}.")
        return redirect_to("syncapp_alert_change", object_id)

    @action(
        description="End the silence",
        url_path="unsilence",
        permissions=["operate"],
        dialog={
            "title": "End the silence?",
            "description": "If it still lasts, it is sent again.",
            "form_class": None,
            "form_submit_text": "End the silence",
        },
    )
    def unsilence(self, request: HttpRequest, form: forms.Form, object_id: int) -> HttpResponse:
        with as_message(request):
            operations.unsilence(object_id, request.user)
            messages.success(request, "The silence has ended.")
        return redirect_to("syncapp_alert_change", object_id)


def _fate(row: AlertMessage) -> str:
    if row.sent_at:
        return f"sent {row.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"not sent: {row.dropped}" if row.dropped else "waiting"
