"""`GET /metrics`: the figures for Prometheus, read from Django's database at each scrape.

There are several processes, so no counters are kept in this one: the registry is created for the
scrape. Labels are bounded; the names of collections are, where they are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.http import HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from rest_framework.request import Request
from rest_framework.views import APIView

from monitoring import figures
from monitoring.facts import Snapshot, take_snapshot
from monitoring.health.assess import Status
from monitoring.health.values import Code
from monitoring.prometheus_flow import flow
from syncapp.core.version import VERSION
from syncapp.models import Alert, Device, RejectedChange

MOST_DEVICES, NOT_SEEN = 100, timedelta(minutes=15)


class SyncCollector(Collector):
    """All metrics, from one snapshot."""

    def collect(self) -> Iterator[Metric]:
        snapshot = take_snapshot()
        yield InfoMetricFamily("isthmus_build", "The version that runs", value={"version": VERSION})
        yield from flow(snapshot)
        yield from _conflicts(snapshot)
        yield from _state(snapshot)
        yield from _streams(snapshot)
        yield from _safety(snapshot)
        yield from _headroom(snapshot)
        yield from _devices(snapshot)
        yield _last_reports()
        yield _alerts()

    def describe(self) -> Iterator[Metric]:
        """Empty: registering must not query the database."""
        return iter(())


def _conflicts(snapshot: Snapshot) -> Iterator[Metric]:
    found = figures.conflict_totals(snapshot.at, one_way_too=False)
    # Records are removed after their time, and may be opened again: a number that may shrink is no counter
    recorded = GaugeMetricFamily(
        "isthmus_conflicts_recorded", "Recorded conflicts of two-way sync by winner", labels=["winner"]
    )
    recorded.add_metric(["local"], found.local_wins)
    recorded.add_metric(["atlas"], found.atlas_wins)
    recorded.add_metric(["merged"], found.merged)
    yield recorded
    yield GaugeMetricFamily(
        "isthmus_conflicts_last_hour",
        "Conflicts of two-way sync in the last hour",
        value=snapshot.facts.conflicts_last_hour,
    )
    yield GaugeMetricFamily(
        "isthmus_conflicts_waiting", "Conflicts that need manual resolution", value=found.waiting
    )
    yield GaugeMetricFamily(
        "isthmus_rejected_changes",
        "Rejected documents that are not resolved",
        value=RejectedChange.objects.count(),
    )


def _state(snapshot: Snapshot) -> Iterator[Metric]:
    health = GaugeMetricFamily("isthmus_health", "1 for the current status", labels=["status"])
    for status in Status:
        health.add_metric([status], float(status == snapshot.health.status))
    yield health
    instance, silent_s = snapshot.instance, snapshot.facts.silent_s
    gauges = {
        "isthmus_sync_enabled": ("1: both directions, 0: one-way", float(snapshot.switches.enabled)),
        "isthmus_sync_paused": ("1: paused", float(snapshot.switches.paused)),
        "isthmus_pending_operations": ("Unfinished changes", instance.queue_size if instance else 0),
        "isthmus_in_flight_operations": ("Changes in tasks", instance.in_flight if instance else 0),
        # +Inf without any report: an alert on "more than a minute" then fires
        "isthmus_listener_silent_seconds": (
            "Time since the listener's last report",
            float("inf") if silent_s is None else max(0.0, silent_s),
        ),
    }
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(name, text, value=value)


def _streams(snapshot: Snapshot) -> Iterator[Metric]:
    connected = GaugeMetricFamily("isthmus_change_stream_connected", "1: connected", labels=["side"])
    attempts = GaugeMetricFamily(
        "isthmus_change_stream_reconnect_attempts", "Failed attempts in a row", labels=["side"]
    )
    facts = snapshot.facts
    for side, status, stream in (
        ("local", snapshot.local_stream, facts.local_stream),
        ("atlas", snapshot.atlas_stream, facts.atlas_stream),
    ):
        connected.add_metric([side], float(status == "connected"))
        attempts.add_metric([side], stream.reconnects)
    yield from (connected, attempts)


def _safety(snapshot: Snapshot) -> Iterator[Metric]:
    instance, facts = snapshot.instance, snapshot.facts.safety
    heartbeat = GaugeMetricFamily(
        "isthmus_heartbeat_age_seconds", "Latency from a heartbeat to its event", labels=["side"]
    )
    if instance is not None:
        ages = {"local": instance.local_heartbeat_ms, "atlas": instance.atlas_heartbeat_ms}
        for side, age_ms in ages.items():
            if age_ms is not None:
                heartbeat.add_metric([side], age_ms / 1000)
    yield heartbeat
    yield CounterMetricFamily("isthmus_loops", "Sync loops since the listener started", value=facts.loops)
    gauges = {
        "isthmus_halts": (
            "Unanswered halts",
            sum(not halt.answer for halt in facts.halts),
        ),
        "isthmus_clock_warning": ("1: a clock is off or has jumped", bool(facts.clock_warning)),
        "isthmus_clock_offset_seconds": (
            "Atlas's clock minus the local server's",
            instance.clock_offset_ms / 1000 if instance else 0,
        ),
        "isthmus_refused_collections": (
            "Collections that cannot be synced",
            len(instance.refused) if instance else 0,
        ),
        "isthmus_comparison_running": (
            "Unfinished comparison runs",
            figures.unfinished_runs().count(),
        ),
        "isthmus_comparison_differences": (
            "Documents that differed at the last comparison of their collection",
            facts.differing,
        ),
        "isthmus_comparison_paused": (
            "Comparison runs that an operator has paused",
            figures.paused_runs().count(),
        ),
    }
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(name, text, value=float(value))


def _headroom(snapshot: Snapshot) -> Iterator[Metric]:
    found = GaugeMetricFamily(
        "isthmus_oplog_headroom_seconds",
        "How long a side may be away before its history is lost",
        labels=["side"],
    )
    for one in snapshot.facts.headroom:
        # As health judges it: an alert must not fire for a young oplog, nor for a figure of yesterday
        if one.seconds is not None and one.counts:
            found.add_metric([one.side], one.seconds)
    yield found


def _devices(snapshot: Snapshot) -> Iterator[Metric]:
    """Of the whole fleet, as this device has copied it: no label for each device, whose number has no bound."""
    yield GaugeMetricFamily("isthmus_devices", "Devices of this Atlas database", value=Device.objects.count())
    yield GaugeMetricFamily(
        "isthmus_devices_not_seen",
        "Other devices that have not been seen for long",
        value=len(snapshot.notices),
    )


def _alerts() -> Metric:
    """Every code is there, with 0: then a rule for it is not silent because nothing is known of it."""
    family = GaugeMetricFamily("isthmus_alerts_firing", "Alerts that are firing", labels=["code", "severity"])
    firing = Alert.objects.filter(state__in=(Alert.State.FIRING, Alert.State.ACKNOWLEDGED))
    found = Counter(firing.values_list("code", "severity"))
    for code in Code:
        for severity in Alert.Severity.values:
            family.add_metric([code, severity], found[str(code), severity])
    return family


def _last_reports() -> Metric:
    """Of a bounded number of devices: at first those that are not seen, and always the same others."""
    family = GaugeMetricFamily(
        "isthmus_device_last_report_timestamp_seconds",
        "Time of a device's last report that is known here",
        labels=["device"],
    )
    rows = Device.objects.exclude(seen_at=None).values_list("instance_id", "seen_at", "copied_at")
    known = [
        (copied_at - seen_at < NOT_SEEN, device, seen_at) for device, seen_at, copied_at in rows if seen_at
    ]
    for _, device, seen_at in sorted(known)[:MOST_DEVICES]:
        family.add_metric([device], seen_at.timestamp())
    return family


def exposition() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SyncCollector())
    return generate_latest(registry)


class PrometheusMetrics(APIView):
    """Reading needs a login (a token in `authorization:` of the scrape), unless SYNC_API_PUBLIC_READ."""

    schema = None  # no part of the API

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
