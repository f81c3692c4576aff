"""All devices of this Atlas database: what each reported, how old that is, and what is the matter with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from monitoring import figures
from monitoring.alerts.rules import current_rules, limits_of
from monitoring.health import headroom
from monitoring.health.limits import Thresholds
from monitoring.health.values import Code, Page, Reason, Status, counted, duration
from syncapp.conf.settings import get_settings
from syncapp.core.text.durations import long_duration
from syncapp.core.text.one_line import one_line
from syncapp.models import Device, Instance
from syncapp.services import devices as service

LATE_S = 8.0  # that a report may be late
SIDES = (("local", "local"), ("atlas", "Atlas"))


@dataclass(frozen=True)
class Trouble:
    """`text`: one line, as it is shown beside the device's name."""

    status: Status
    text: str


@dataclass(frozen=True)
class Fleet:
    """`devices`: the worst first. `as_of`: when they were copied from Atlas; None: never. `problem`: why they could not be copied
    now; empty: they were. `own`: this device's id."""

    devices: list[Device]
    as_of: datetime | None
    problem: str
    own: str


def show() -> Fleet:
    """Copied from Atlas now, if that is possible. Raises DatabaseError."""
    problem = service.refresh()
    rows = judged()
    as_of = max((row.copied_at for row in rows), default=None)
    own = figures.device()
    if own is None:
        return Fleet(rows, as_of, problem, "")
    if all(
        row.instance_id != own.instance_id for row in rows
    ):  # it has not reported to Atlas yet, or was retired
        rows.append(Device(instance_id=own.instance_id, seen_at=own.seen_at, copied_at=timezone.now()))
    return Fleet(rows, as_of, problem, own.instance_id)


def judged() -> list[Device]:
    """As they were copied last, with what is the matter with each: the worst first. Raises DatabaseError."""
    limits, rows = limits_of(current_rules()), list(Device.objects.all())
    changed = [row for row in rows if _judge(row, limits)]
    Device.objects.bulk_update(changed, ["trouble", "troubles"], batch_size=500)
    return sorted(rows, key=lambda row: (-row.trouble, row.name, row.instance_id))


def _judge(row: Device, limits: Thresholds) -> bool:
    """Whether it differs from the last judgement."""
    before = (row.trouble, row.troubles)
    found = sorted(troubles(row, limits), key=lambda one: -one.status.exit_code)
    worst = max((one.status.exit_code for one in found), default=0)
    row.trouble = 10 * worst + min(len(found), 9)
    row.troubles = [{"status": str(one.status), "text": one.text} for one in found]
    return before != (row.trouble, row.troubles)


def age_s(row: Device, now: datetime | None = None) -> float | None:
    """Of its report; None: there is none."""
    return max(0.0, ((now or timezone.now()) - row.seen_at).total_seconds()) if row.seen_at else None


def is_old(row: Device) -> bool:
    """Its next report is overdue, or it was stopped: its figures are those of then. As far as the copy tells."""
    if row.stopped_at or not row.seen_at:
        return True
    return (row.copied_at - row.seen_at).total_seconds() > row.within_s + LATE_S


def troubles(row: Device, limits: Thresholds) -> Iterator[Trouble]:
    yield from _unseen(row, limits)
    if row.halts:
        wait = "halt waits" if row.halts == 1 else "halts wait"
        yield Trouble(Status.CRITICAL, f"{row.halts} {wait} for an answer")
    if row.waiting_for:
        yield Trouble(Status.DEGRADED, f"sync has not started: {one_line(row.waiting_for)}")
    for side, name in SIDES:
        state = getattr(row, f"{side}_stream")
        if state in figures.UNREAD and not row.waiting_for:
            yield Trouble(Status.DEGRADED, f"{name} stream {state}")
    if row.pending > limits.pending:
        yield Trouble(Status.DEGRADED, f"{counted(row.pending, 'change')} pending")
    for arrow, lag_ms in (("Atlas → local", row.pull_lag_ms), ("local → Atlas", row.push_lag_ms)):
        if lag_ms >= limits.lag_warning_ms:
            yield Trouble(Status.DEGRADED, f"{arrow}: lag {duration(lag_ms / 1000)}")
    if row.conflicts:
        yield Trouble(Status.DEGRADED, counted(row.conflicts, "open conflict"))
    if row.rejected:
        yield Trouble(Status.DEGRADED, counted(row.rejected, "rejected change"))
    if abs(row.clock_offset_ms) > get_settings().sync_clock_warning:
        ahead = "behind" if row.clock_offset_ms > 0 else "ahead of"
        yield Trouble(
            Status.DEGRADED, f"its clock is {abs(row.clock_offset_ms) / 1000:,.1f} s {ahead} Atlas's"
        )
    yield from _short(row, limits)


def _unseen(row: Device, limits: Thresholds) -> Iterator[Trouble]:
    """As of the copy: what came later is not known."""
    if row.seen_at is None:
        yield Trouble(Status.DEGRADED, "has not reported yet")
        return
    passed_s = (row.copied_at - row.seen_at).total_seconds()
    if passed_s > limits.device_unseen_s:
        yield Trouble(Status.CRITICAL, f"not seen for {duration(passed_s)}{_history(row, passed_s)}")
    elif row.stopped_at:
        yield Trouble(Status.DEGRADED, "its listener was stopped")
    elif is_old(row):
        yield Trouble(Status.DEGRADED, f"has not reported for {duration(passed_s)}")


def _history(row: Device, passed_s: float) -> str:
    """How long the other side still keeps what it misses."""
    lasts_s = row.headroom_s.get("atlas")
    if lasts_s is None:
        return ""
    left_s = lasts_s - passed_s
    return f", its history lasts for {long_duration(left_s)} more" if left_s > 0 else ", its history is lost"


def _short(row: Device, limits: Thresholds) -> Iterator[Trouble]:
    for side, name in SIDES:
        seconds = row.headroom_s.get(side)
        status = headroom.level(seconds, limits) if isinstance(seconds, int | float) else Status.HEALTHY
        if status != Status.HEALTHY:
            yield Trouble(status, f"{name} oplog lasts for {long_duration(seconds)}")


def notices(instance: Instance | None, limits: Thresholds) -> tuple[Reason, ...]:
    """Other devices that have not been seen for long, for alerts. They say nothing about this device's health."""
    own = instance.instance_id if instance else ""
    # Only these are read, of a fleet that may be large
    long_ago = F("copied_at") - timedelta(seconds=limits.device_unseen_s)
    return tuple(_not_seen(Device.objects.exclude(instance_id=own).filter(seen_at__lt=long_ago), limits))


def _not_seen(rows: Iterable[Device], limits: Thresholds) -> Iterator[Reason]:
    for row in rows:
        passed_s = (row.copied_at - row.seen_at).total_seconds() if row.seen_at else 0.0
        if passed_s > limits.device_unseen_s:
            text = (
                f"The device {row} has not been seen for {duration(passed_s)} (normal up to "
                f"{duration(limits.device_unseen_s)}){_history(row, passed_s)}"
            )
            yield Reason(Status.DEGRADED, Code.UNSEEN, text, Page.FLEET, row.instance_id)
