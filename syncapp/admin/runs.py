"""Comparison runs with their progress: start and cancel, each with a confirmation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from syncapp.admin.base import ReadOnlyAdmin, redirect_to
from syncapp.admin.document import link_to, linked
from syncapp.admin.refusals import as_message
from syncapp.models import ComparisonRun
from syncapp.services import runs
from syncapp.services.reasons import key_of, reasons_of
from syncapp.store.run import DIFFERENCES, OPEN, Kind

PROGRESS = "syncapp_comparisonrun_progress"
STATE_LABELS = {
    "Waiting": "info",
    "Running": "info",
    "Done": "success",
    "Cancelled": "warning",
    "Failed": "danger",
}


class StartForm(BaseDialogForm):
    collections = forms.CharField(
        required=False,
        label="Collections",
        help_text="Names separated by commas. Empty: all.",
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_collections(self) -> str:
        text = str(self.cleaned_data["collections"])
        if text.strip() and not text.strip(" ,"):
            raise forms.ValidationError("No collection is named. Empty: all collections.")
        return text

    @property
    def names(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["collections"].split(",") if name.strip()]


def starting(title: str, text: str) -> Any:
    """A dialog that asks for collections."""
    return {"title": title, "description": text, "form_class": StartForm, "form_submit_text": "Start"}


@admin.register(ComparisonRun)
class ComparisonRunAdmin(ReadOnlyAdmin):
    empty_text = "No comparisons in the last 30 days. “Verify” counts differences and changes nothing."
    list_display = ("when", "what", "why", "progress", "differing", "how")
    list_display_links = ("when",)
    list_filter = ("kind", "state", "started_at")
    list_before_template = "syncapp/runs_before.html"
    change_form_before_template = "syncapp/run_follow.html"
    actions_list = ("verify", "resync", "repair")
    in_page = ("verify",)
    actions_detail = ("cancel_run",)
    fieldsets = (
        (None, {"fields": (("what", "how"), "why", ("progress", "collection"), "error")}),
        (
            "Found",
            {
                "fields": (
                    ("documents", "equal", "as_agreed"),
                    ("different", "only_here", "only_there"),
                    "handed_over",
                    "shown_samples",
                )
            },
        ),
        ("When", {"fields": (("started_at", "updated_at", "ended_at"), ("run_id", "instance_id"))}),
    )
    readonly_fields = (
        "what",
        "how",
        "progress",
        "as_agreed",
        "only_here",
        "only_there",
        "handed_over",
        "shown_samples",
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        more = {
            "may_operate": self.has_operate_permission(request),
            "goes_on": ComparisonRun.objects.filter(state__in=OPEN).exists(),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:object_id>/progress/", view, name=PROGRESS), *super().get_urls()]

    def progress_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Its progress, as a fragment that the page polls."""
        run = get_object_or_404(ComparisonRun, pk=object_id)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run.ended_at:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "syncapp/run_progress.html", {"run": run})

    @display(description="Requested", ordering="started_at")
    def when(self, run: ComparisonRun) -> str:
        return f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"

    @display(description="What")
    def what(self, run: ComparisonRun) -> str:
        return f"{run.get_kind_display()}: {', '.join(run.collections) or 'all collections'}"

    @display(description="Documents")
    def progress(self, run: ComparisonRun) -> str:
        if run.state not in OPEN or not run.expected:
            return f"{run.documents:,}"
        return f"{run.documents:,} of about {max(run.expected, run.documents):,}"

    @display(description="Differ")
    def differing(self, run: ComparisonRun) -> str:
        return f"{run.differing:,}"

    @display(description="State", label=STATE_LABELS, ordering="state")
    def how(self, run: ComparisonRun) -> str:
        return run.get_state_display()

    @display(description="Intentional differences")
    def as_agreed(self, run: ComparisonRun) -> int:
        return run.as_agreed

    @display(description="Only here")
    def only_here(self, run: ComparisonRun) -> str:
        return f"{run.only_local:,}"

    @display(description="Only on Atlas")
    def only_there(self, run: ComparisonRun) -> str:
        return f"{run.only_atlas:,}"

    @display(description="Sent to the listener")
    def handed_over(self, run: ComparisonRun) -> str:
        return f"{run.marked:,}"

    @display(description="Documents that differ")
    def shown_samples(self, run: ComparisonRun) -> SafeString:
        if not run.samples:
            return format_html("{}", "none")
        reasons = reasons_of([key_of(one) for one in run.samples])
        samples = [
            {
                "collection": one["collection"],
                "link": link_to(*key_of(one)),
                "what": DIFFERENCES.get(one["what"], ""),
                "reason": linked(reasons[key_of(one)]),
            }
            for one in run.samples
        ]
        more = run.differing > len(samples)
        context = {"samples": samples, "more": more, "total": f"{run.differing:,}"}
        return render_to_string("syncapp/samples.html", context)

    @action(
        description="Verify",
        url_path="verify",
        icon="fact_check",
        permissions=["operate"],
        dialog=starting("Compare both sides?", "Differences are counted, and nothing is changed."),
    )
    def verify(self, request: HttpRequest, form: StartForm) -> HttpResponse:
        return self._start(request, Kind.VERIFY, form)

    @action(
        description="Resync",
        url_path="resync",
        icon="sync",
        permissions=["operate"],
        dialog=starting(
            "Resync?",
            "Both sides are compared; what differs from what was agreed is processed like any change.",
        ),
    )
    def resync(self, request: HttpRequest, form: StartForm) -> HttpResponse:
        return self._start(request, Kind.RESYNC, form)

    @action(
        description="Verify and repair",
        url_path="repair",
        icon="build",
        permissions=["operate"],
        dialog=starting(
            "Verify and repair?", "Differences that persist at a second check are processed like any change."
        ),
    )
    def repair(self, request: HttpRequest, form: StartForm) -> HttpResponse:
        return self._start(request, Kind.REPAIR, form)

    def _start(self, request: HttpRequest, kind: Kind, form: StartForm) -> HttpResponse:
        with as_message(request):
            run = runs.start(kind, form.names, request.user)
            messages.success(request, "Requested; the listener starts it within a second or two.")
            # A device whose listener never ran has no rows yet
            if row := ComparisonRun.objects.filter(run_id=run.id).first():
                return redirect_to("syncapp_comparisonrun_change", row.pk)
        return redirect_to("syncapp_comparisonrun_changelist")

    @action(
        description="Cancel",
        url_path="cancel",
        icon="cancel",
        permissions=["cancel_run"],
        dialog={
            "title": "Cancel the comparison?",
            "description": "It stops within a second. What it has sent to the listener is still processed.",
            "form_class": None,
            "form_submit_text": "Cancel the comparison",
        },
    )
    def cancel_run(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        row = get_object_or_404(ComparisonRun, pk=object_id)
        with as_message(request):
            runs.cancel(row.run_id, request.user)
            messages.success(request, "Cancelled.")
        return redirect_to("syncapp_comparisonrun_change", object_id)

    def has_cancel_run_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        if not self.has_operate_permission(request):
            return False
        return not object_id or ComparisonRun.objects.filter(pk=object_id, state__in=OPEN).exists()
