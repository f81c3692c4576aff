"""The product's records, read-only: device, metrics, audit log."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from monitoring.health.headroom import NAMES, facts_of
from monitoring.health.values import duration
from syncapp.admin import document, first_run, halts, selftest
from syncapp.admin.base import ReadOnlyAdmin, block
from syncapp.core.text.plain_ids import shorter
from syncapp.models import AuditEntry, Instance, MetricMinute

STREAM_LABELS = {
    "Connected": "success",
    "Connecting": "warning",
    "Disconnected": "danger",
    "Stopped": "info",
}


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    empty_text = "No listener has reported yet: `make run` or `manage.py sync_listen` starts one."
    list_display = ("instance_id", "holder", "seen_at", "local", "atlas", "queue_size")
    readonly_fields = (
        "refused_collections",
        "pull_lag",
        "push_lag",
        "clock_offset",
        "local_heartbeat",
        "atlas_heartbeat",
        "can_stay_offline",
    )
    fieldsets = (
        (None, {"fields": ("instance_id", "holder", ("epoch", "started_at", "seen_at"))}),
        (
            "Change streams",
            {
                "fields": (
                    ("local_stream", "local_stream_since", "local_reconnects"),
                    ("atlas_stream", "atlas_stream_since", "atlas_reconnects"),
                    "last_error",
                )
            },
        ),
        (
            "Work",
            {"fields": (("queue_size", "in_flight"), ("pull_lag", "push_lag"), "refused_collections")},
        ),
        ("How long it may be away", {"fields": ("can_stay_offline",)}),
        (
            "Clocks, heartbeats, loops",
            {
                "fields": (
                    ("clock_offset", "local_heartbeat", "atlas_heartbeat"),
                    "clock_warning",
                    ("loops", "loop_at"),
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("halts/", view(halts.page), name=halts.NAME),
            path("first-run/", view(first_run.page), name=first_run.NAME),
            path("first-run/progress/", view(first_run.progress), name=first_run.PROGRESS),
            path("document/", view(document.page), name=document.NAME),
            path("selftest/", view(selftest.page), name=selftest.NAME),
            path("selftest/progress/", view(selftest.progress), name=selftest.PROGRESS),
            *super().get_urls(),
        ]

    @display(description="Refused collections")
    def refused_collections(self, instance: Instance) -> SafeString | str:
        return block(instance.refused) if instance.refused else "none"

    @display(description="Lag Atlas → local")
    def pull_lag(self, instance: Instance) -> str:
        return _lag(instance.pull_lag_ms)

    @display(description="Lag local → Atlas")
    def push_lag(self, instance: Instance) -> str:
        return _lag(instance.push_lag_ms)

    @display(description="Atlas's clock minus the local one")
    def clock_offset(self, instance: Instance) -> str:
        return f"{instance.clock_offset_ms:+,.1f} ms"

    @display(description="Local heartbeat")
    def local_heartbeat(self, instance: Instance) -> str:
        return _age(instance.local_heartbeat_ms)

    @display(description="Atlas heartbeat")
    def atlas_heartbeat(self, instance: Instance) -> str:
        return _age(instance.atlas_heartbeat_ms)

    @display(description="Oplogs")
    def can_stay_offline(self, instance: Instance) -> SafeString | str:
        found = facts_of(instance.headroom, timezone.now())
        lines = [(NAMES[one.side], one.text) for one in found]
        return format_html_join("", "<p>{}: {}</p>", lines) or "not measured yet"

    @display(description="Local stream", label=STREAM_LABELS)
    def local(self, instance: Instance) -> str:
        return instance.get_local_stream_display()

    @display(description="Atlas stream", label=STREAM_LABELS)
    def atlas(self, instance: Instance) -> str:
        return instance.get_atlas_stream_display()


def _lag(milliseconds: int) -> str:
    return f"{milliseconds:,} ms" if milliseconds < 10_000 else duration(milliseconds / 1000)


def _age(milliseconds: float | None) -> str:
    return "none read yet" if milliseconds is None else f"{milliseconds:,.1f} ms until its event was read"


@admin.register(MetricMinute)
class MetricMinuteAdmin(ReadOnlyAdmin):
    empty_text = "No changes transferred yet."
    list_display = (
        "minute", "direction", "processed", "succeeded", "failed", "skipped",
        "inserts", "updates", "replaces", "deletes", "conflicts", "merged", "average",
    )  # fmt: skip
    list_filter = ("direction", "minute")
    list_fullwidth = True
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("minute", "direction", "last_event_at"),
                    ("processed", "succeeded", "failed", "skipped"),
                )
            },
        ),
        (
            "What succeeded",
            {"fields": (("inserts", "updates", "replaces", "deletes"), ("conflicts", "merged"))},
        ),
        ("Time", {"fields": (("average", "total"),)}),
    )
    readonly_fields = ("average", "total")

    @display(description="Average")
    def average(self, row: MetricMinute) -> str:
        return f"{row.time_ms / row.processed:,.1f} ms" if row.processed else "–"

    @display(description="All changes together")
    def total(self, row: MetricMinute) -> str:
        return f"{row.time_ms / 1000:,.1f} s"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    empty_text = "No changes yet."
    list_display = ("at", "who", "address", "action", "what")
    list_filter = ("at", "action")
    list_select_related = ("user",)
    search_fields = ("action", "detail")
    fields = (("at", "who"), ("address", "token"), "action", "detail", "was", "now")
    readonly_fields = ("at", "who", "was", "now")

    @display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        if entry.user:
            return entry.user.get_username()
        return f"{entry.typed_by} (command line)" if entry.typed_by else "the product"

    @display(description="Before")
    def was(self, entry: AuditEntry) -> SafeString | str:
        return "–" if entry.before is None else block(entry.before)

    @display(description="After")
    def now(self, entry: AuditEntry) -> SafeString | str:
        return "–" if entry.after is None else block(entry.after)

    @display(description="What")
    def what(self, entry: AuditEntry) -> str:
        return shorter(entry.detail, 100)
