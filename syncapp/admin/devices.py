"""All devices of this Atlas database: what each reported, how old that is, its name, and those that are gone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from monitoring import figures, fleet
from monitoring.health.values import Status, duration
from syncapp.admin.base import ReadOnlyAdmin, redirect_to
from syncapp.admin.refusals import as_message
from syncapp.core.text.durations import long_duration
from syncapp.models import Device
from syncapp.services import devices as service

FINE = "Fine"
LABELS = {FINE: "success", "Warning": "warning", "Critical": "danger"}
WORDS = {str(Status.DEGRADED): "Warning", str(Status.CRITICAL): "Critical"}
SIDES = {"local": "Local", "atlas": "Atlas"}
CHANGELIST = "syncapp_device_changelist"


class NameForm(BaseDialogForm):
    name = forms.CharField(
        required=False, max_length=service.LONGEST_NAME, label="Name", widget=UnfoldAdminTextInputWidget
    )


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    empty_text = "No device has reported to Atlas yet."
    list_before_template = "syncapp/devices_before.html"
    list_display = (
        "shown_name", "state", "seen", "worst", "waiting", "lag", "to_do", "lasts", "version",
    )  # fmt: skip
    list_display_links = ("shown_name",)
    search_fields = ("name", "instance_id", "host")
    actions_detail = in_page = ("rename", "retire")
    fieldsets = (
        (None, {"fields": ("headline", ("state", "seen"), "what_is_wrong", "decisions")}),
        ("Work", {"fields": (("waiting", "lag"), ("conflicts", "rejected", "halts"), ("streams", "waiting_for"))}),
        ("How long it may be away", {"fields": ("lasts",)}),
        ("Device", {"fields": (("version", "rules_version", "clock"), ("since", "started_at"), "host", "standing_by", "instance_id")}),
    )  # fmt: skip
    readonly_fields = (
        "headline", "state", "seen", "what_is_wrong", "decisions", "waiting", "lag", "streams", "lasts", "clock",
        "standing_by",
    )  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        found = fleet.show()
        as_of = found.as_of and duration(max(0.0, (timezone.now() - found.as_of).total_seconds()))
        more = {"problem": found.problem, "as_of": as_of}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        fleet.show()
        return super().change_view(request, object_id, form_url, extra_context)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-trouble", "name", "instance_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        own = figures.device()
        return super().get_queryset(request).annotate(own_id=Value(own.instance_id if own else ""))

    @display(description="Device", ordering="name")
    def shown_name(self, device: Any) -> str:
        mine = " (this one)" if device.own_id == device.instance_id else ""
        return f"{device.name or device.instance_id[:8]}{mine}"

    @display(description="Device")
    def headline(self, device: Device) -> SafeString:
        return format_html('<p class="isthmus-id"><b>{}</b></p>', self.shown_name(device))

    @display(description="State", label=LABELS, ordering="trouble")
    def state(self, device: Device) -> str:
        return WORDS[device.troubles[0]["status"]] if device.troubles else FINE

    @display(description="What is wrong")
    def what_is_wrong(self, device: Device) -> SafeString:
        lines = [(one["text"],) for one in device.troubles]
        return format_html_join("", "<p>{}</p>", lines) or SafeString("Nothing.")

    @display(description="What is wrong")
    def worst(self, device: Device) -> str:
        if not device.troubles:
            return "–"
        first, more = device.troubles[0]["text"], len(device.troubles) - 1
        return f"{first}, and {more} more" if more else first

    @display(description="Seen", ordering="seen_at")
    def seen(self, device: Device) -> str:
        age_s = fleet.age_s(device)
        return "never" if age_s is None else f"{duration(age_s)} ago"

    @display(description="Pending", ordering="pending")
    def waiting(self, device: Device) -> str:
        return _as_of(device, f"{device.pending:,}")

    @display(description="Lag: pull, push", ordering="pull_lag_ms")
    def lag(self, device: Device) -> str:
        lags = (duration(ms / 1000) for ms in (device.pull_lag_ms, device.push_lag_ms))
        return _as_of(device, ", ".join(lags))

    @display(description="Conflicts, rejected, halts", ordering="conflicts")
    def to_do(self, device: Device) -> str:
        numbers = (device.conflicts, device.rejected, device.halts)
        return _as_of(device, ", ".join("?" if one is None else f"{one:,}" for one in numbers))

    @display(description="Can stay offline for")
    def lasts(self, device: Device) -> str:
        found = [
            f"{name} {long_duration(device.headroom_s[side])}"
            for side, name in SIDES.items()
            if isinstance(device.headroom_s.get(side), int | float)
        ]
        return _as_of(device, ", ".join(found)) if found else "not known yet"

    @display(description="Clock against Atlas's")
    def clock(self, device: Device) -> str:
        seconds = round(-device.clock_offset_ms / 1000, 1)
        return _as_of(device, f"{seconds:+,.1f} s" if seconds else "the same")

    @display(description="Streams")
    def streams(self, device: Device) -> str:
        states = f"local {device.local_stream or 'unknown'}, Atlas {device.atlas_stream or 'unknown'}"
        return _as_of(device, states)

    @display(description="Stand-by")
    def standing_by(self, device: Device) -> str:
        return ", ".join(device.stand_by) or "none"

    @display(description="Decision")
    def decisions(self, device: Device) -> SafeString:
        pages = {name: reverse(f"admin:syncapp_device_{name}", args=[device.pk]) for name in self.in_page}
        return render_to_string("syncapp/device_decisions.html", {"pages": pages, "device": device})

    def get_fieldsets(self, request: HttpRequest, obj: Device | None = None) -> Any:
        if self.has_operate_permission(request):
            return self.fieldsets
        (title, first), *others = self.fieldsets
        shown = tuple(one for one in first["fields"] if one != "decisions")
        return ((title, {"fields": shown}), *others)

    @action(
        description="Rename",
        url_path="rename",
        permissions=["operate"],
        dialog={
            "title": "Name the device",
            "description": "All devices of this Atlas database show this name. Empty: none.",
            "form_class": NameForm,
            "form_submit_text": "Save",
        },
    )
    def rename(self, request: HttpRequest, form: NameForm, object_id: int) -> HttpResponse:
        device = get_object_or_404(Device, pk=object_id)
        with as_message(request):
            name = service.rename(device.instance_id, form.cleaned_data["name"], request.user)
            messages.success(request, f"It is called {name}." if name else "It has no name now.")
        return redirect_to("syncapp_device_change", object_id)

    @action(
        description="Retire",
        url_path="retire",
        permissions=["operate"],
        dialog={
            "title": "Retire the device?",
            "description": "Its report is forgotten, and nobody is alerted of it any more. Its data stays as it is; a "
            "device that reports again comes back.",
            "form_class": None,
            "form_submit_text": "Retire",
        },
    )
    def retire(self, request: HttpRequest, form: forms.Form, object_id: int) -> HttpResponse:
        device = get_object_or_404(Device, pk=object_id)
        with as_message(request):
            service.retire(device.instance_id, request.user)
            messages.success(request, f"{device} is retired.")
        return redirect_to(CHANGELIST)


def _as_of(device: Device, text: str) -> str:
    """A figure that is old says how old."""
    age_s = fleet.age_s(device)
    if age_s is None or not fleet.is_old(device):
        return text
    return f"{text} ({duration(age_s)} ago)"
