"""Comparison runs with their progress: start, pause, resume and cancel, each with a confirmation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from monitoring import figures
from syncapp.admin import definitions
from syncapp.admin.base import ReadOnlyAdmin, redirect_to
from syncapp.admin.document import link_to, linked
from syncapp.admin.refusals import as_message
from syncapp.admin.starting import StartForm, starting
from syncapp.models import ComparisonRun
from syncapp.services import runs
from syncapp.services.reasons import key_of, only_here, reasons_of
from syncapp.store.run import DIFFERENCES, OPEN, TO_DO, Kind

PROGRESS = "syncapp_comparisonrun_progress"
STATE_LABELS = {
    "Waiting": "info",
    "Running": "info",
    "Paused": "warning",
    "Done": "success",
    "Cancelled": "warning",
    "Failed": "danger",
}


@admin.register(ComparisonRun)
class ComparisonRunAdmin(ReadOnlyAdmin):
    empty_text = "No comparisons in the last 30 days. “Verify” counts differences and changes nothing."
    list_display = ("when", "what", "why", "progress", "pace", "differing", "how")
    list_display_links = ("when",)
    list_filter = ("kind", "state", "started_at")
    list_before_template = "syncapp/runs_before.html"
    change_form_before_template = "syncapp/run_follow.html"
    actions_list = ("verify", "resync", "repair")
    in_page = ("verify",)
    actions_detail = ("pause_run", "resume_run", "cancel_run")
    fieldsets = (
        (None, {"fields": (("what", "how"), "why", ("progress", "pace", "collection"), "error")}),
        (
            "Found",
            {
                "fields": (
                    ("alike", "as_agreed"),
                    ("unlike", "only_here", "only_there"),
                    "handed_over",
                    "shown_samples",
                    "by_collections",
                )
            },
        ),
        (
            "When",
            {"fields": (("started_at", "updated_at", "paused_at", "ended_at"), ("run_id", "instance_id"))},
        ),
    )
    readonly_fields = (
        "what",
        "how",
        "progress",
        "pace",
        "alike",
        "as_agreed",
        "unlike",
        "only_here",
        "only_there",
        "handed_over",
        "shown_samples",
        "by_collections",
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        more = {
            "may_operate": self.has_operate_permission(request),
            "goes_on": ComparisonRun.objects.filter(state__in=TO_DO).exists(),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [
            path("<int:object_id>/progress/", view, name=PROGRESS),
            path("definitions/", self.admin_site.admin_view(definitions.page), name=definitions.NAME),
            *super().get_urls(),
        ]

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

    @display(description="Rate")
    def pace(self, run: ComparisonRun) -> str:
        return run.pace or "–"

    @display(description="Differ")
    def differing(self, run: ComparisonRun) -> str:
        return f"{run.differing:,}"

    @display(description="State", label=STATE_LABELS, ordering="state")
    def how(self, run: ComparisonRun) -> str:
        return run.get_state_display()

    @display(description="Equal")
    def alike(self, run: ComparisonRun) -> str:
        return f"{run.equal:,}"

    @display(description="Intentional differences")
    def as_agreed(self, run: ComparisonRun) -> str:
        return f"{run.as_agreed:,}"

    @display(description="Different")
    def unlike(self, run: ComparisonRun) -> str:
        return f"{run.different:,}"

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
        reasons = reasons_of([key_of(one) for one in run.samples], only_here(run.samples))
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

    @display(description="By collection")
    def by_collections(self, run: ComparisonRun) -> SafeString:
        if not run.by_collection:
            return format_html("{}", "none was begun")
        return render_to_string(
            "syncapp/run_collections.html", {"rows": [shown(one) for one in run.by_collection]}
        )

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
        description="Pause",
        url_path="pause",
        icon="pause",
        permissions=["pause_run"],
        dialog={
            "title": "Pause the comparison?",
            "description": "It stops within a second and stays paused, whatever is restarted, until it is resumed.",
            "form_class": None,
            "form_submit_text": "Pause the comparison",
        },
    )
    def pause_run(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        return self._act(request, object_id, runs.pause, "Paused.")

    @action(
        description="Resume",
        url_path="resume",
        icon="play_arrow",
        permissions=["resume_run"],
        dialog={
            "title": "Resume the comparison?",
            "description": "It continues where it was.",
            "form_class": None,
            "form_submit_text": "Resume the comparison",
        },
    )
    def resume_run(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        return self._act(request, object_id, runs.resume, "Resumed: it continues where it was.")

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
        return self._act(request, object_id, runs.cancel, "Cancelled.")

    def _act(self, request: HttpRequest, object_id: int, act: Callable[..., Any], done: str) -> HttpResponse:
        row = get_object_or_404(ComparisonRun, pk=object_id)
        with as_message(request):
            act(row.run_id, request.user)
            messages.success(request, done)
        return redirect_to("syncapp_comparisonrun_change", object_id)

    def has_pause_run_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        runs = ComparisonRun.objects.exclude(kind=ComparisonRun.Kind.FIRST_RUN)
        return self._may_act(request, object_id, runs.filter(state__in=TO_DO))

    def has_resume_run_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        return self._may_act(request, object_id, figures.paused_runs())

    def has_cancel_run_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        return self._may_act(request, object_id, ComparisonRun.objects.filter(state__in=OPEN))

    def _may_act(
        self, request: HttpRequest, object_id: int | None, possible: QuerySet[ComparisonRun]
    ) -> bool:
        if not self.has_operate_permission(request):
            return False
        return not object_id or possible.filter(pk=object_id).exists()


def shown(one: dict[str, Any]) -> dict[str, Any]:
    """A collection's result, as the page shows it."""
    differ = one["different"] + one["onlyLocal"] + one["onlyAtlas"]
    at = parse_datetime(one["inSyncAsOf"]) if one["inSyncAsOf"] else None
    return {**one, "documents": f"{one['documents']:,}", "differ": f"{differ:,}" if differ else "", "at": at}
