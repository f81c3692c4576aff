"""Halts, loops, clocks and failed comparisons as the listener reports them, in health."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from monitoring.facts import take_snapshot
from monitoring.health.assess import Status
from syncapp.services.switches import change_switches
from tests.support import rows

pytestmark = pytest.mark.django_db


def health() -> tuple[Status, list[str]]:
    change_switches(enabled=True)
    found = take_snapshot().health
    return found.status, [reason.text for reason in found.reasons]


def test_a_halt_that_the_listener_mirrors_is_critical() -> None:
    rows.device(halts=[rows.halt()])
    status, (text,) = health()
    assert status == Status.CRITICAL
    assert "orders is paused" in text


def test_an_answered_one_is_degraded() -> None:
    rows.device(halts=[rows.halt(answer="go-on")])
    assert health()[0] == Status.DEGRADED


def test_loops_and_clocks() -> None:
    now = timezone.now()
    device = rows.device(
        loops=1, loop_at=now - dt.timedelta(hours=2), clock_warning="The clock jumped by 9 s"
    )
    assert health() == (Status.DEGRADED, ["The clock jumped by 9 s"])
    device.loop_at = now - dt.timedelta(minutes=10)
    device.save()
    status, texts = health()
    assert (status, "Sync loop detected" in texts[0]) == (Status.CRITICAL, True)


def test_heartbeats_and_refused_collections_are_not_judged() -> None:
    rows.device(local_heartbeat_ms=90_000, atlas_heartbeat_ms=None, refused={"logs": "it is capped"})
    assert health() == (Status.HEALTHY, [])


def test_a_failed_comparison_counts_until_a_later_one_succeeds() -> None:
    rows.device()
    rows.run("failed", 30, error="Atlas went away")
    rows.run("running", 5)
    assert health() == (Status.DEGRADED, ["The last comparison run failed: Atlas went away"])
    rows.run("done", 1)
    assert health()[0] == Status.HEALTHY
