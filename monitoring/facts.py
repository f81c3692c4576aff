"""Gathers the input of health from Django's database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F
from django.utils import timezone

from monitoring import figures, fleet
from monitoring.alerts.rules import current_rules, limits_of
from monitoring.health import headroom
from monitoring.health.assess import (
    Facts,
    Health,
    StartFacts,
    StopFacts,
    StreamFacts,
    assess,
)
from monitoring.health.levels import DirectionFacts
from monitoring.health.limits import DEFAULT, Thresholds
from monitoring.health.safety import HaltFacts, SafetyFacts
from monitoring.health.stuck import StuckFacts
from monitoring.health.values import Reason
from syncapp.conf.settings import get_settings
from syncapp.models import AlertWatch, ComparisonRun, Instance, ListenerStart, MetricMinute, SyncSwitches
from syncapp.models.choices import Direction
from syncapp.services.switches import show as show_switches

TEN_MINUTES = timedelta(minutes=10)
NAMED = 5  # collections that differ
SILENT = timedelta(seconds=5)  # an active listener reports every second
LONGEST_ATTEMPT = timedelta(seconds=45)  # of a listener to start


@dataclass(frozen=True)
class Snapshot:
    """Health together with its input."""

    at: datetime
    facts: Facts
    health: Health
    instance: Instance | None
    switches: SyncSwitches
    limits: Thresholds = DEFAULT
    notices: tuple[Reason, ...] = ()  # of other devices: without effect on this one's health

    @property
    def worst(self) -> DirectionFacts:
        """Of the enabled directions, the one with the larger share of rejected changes: one error rate for
        health, dashboard and scripts. The sum of both would hide that one of them fails."""
        facts = self.facts
        directions = [facts.push, facts.pull] if facts.enabled else [facts.push]
        return max(directions, key=lambda one: (one.error_share, one.failed))

    @property
    def atlas_stream(self) -> str:
        return self._stream(self.instance.atlas_stream if self.instance else "")

    @property
    def local_stream(self) -> str:
        return self._stream(self.instance.local_stream if self.instance else "")

    @property
    def is_silent(self) -> bool:
        silent_s = self.facts.silent_s
        return silent_s is None or silent_s > self.limits.silent_warning_s

    def _stream(self, said: str) -> str:
        """A listener that does not report has no stream, whatever its last report."""
        return Instance.Stream.DISCONNECTED if self.is_silent else said


def take_snapshot(now: datetime | None = None) -> Snapshot:
    now = now or timezone.now()
    instance = figures.device()
    switches = show_switches()
    limits = limits_of(current_rules())
    facts = gather(now, instance, switches, limits)
    notices = fleet.notices(instance, limits)
    return Snapshot(now, facts, assess(facts, limits, now), instance, switches, limits, notices)


def gather(now: datetime, instance: Instance | None, switches: SyncSwitches, limits: Thresholds) -> Facts:
    hour, recent, slow = (
        figures.totals(now - figures.HOUR),
        figures.totals(now - TEN_MINUTES),
        slow_seconds(now, limits),
    )

    def direction(which: Direction) -> DirectionFacts:
        return DirectionFacts(
            average_ms=recent[which].average_ms,
            averaged=recent[which].processed,
            slow_for_s=slow.get(which, 0.0),
            failed=hour[which].failed,
            processed=hour[which].processed,
            lag_ms=figures.lag_ms(instance, which, now) or 0,
        )

    common = {
        "enabled": switches.enabled,
        "paused": switches.paused,
        "pull": direction(Direction.ATLAS_TO_LOCAL),
        "push": direction(Direction.LOCAL_TO_ATLAS),
        "conflicts_last_hour": figures.conflicts_last_hour(now),
        "resolver_failures": figures.resolver_failures(now - figures.HOUR),
        "max_reconnects": get_settings().change_stream_max_reconnect_attempts,
        "broker": get_settings().broker_kind.value,
        "beat_silent_s": _beat_silent_s(now),
    }
    start = _start(now, instance)
    if instance is None:
        return Facts(silent_s=None, start=start, **common)  # type: ignore[arg-type]
    return Facts(
        silent_s=figures.passed_s(instance.seen_at, now) if instance.seen_at else None,
        local_stream=_stream(
            now,
            instance.local_stream,
            instance.local_stream_since,
            instance.local_reconnects,
            _text(instance, "local"),
        ),
        atlas_stream=_stream(
            now,
            instance.atlas_stream,
            instance.atlas_stream_since,
            instance.atlas_reconnects,
            _text(instance, "atlas"),
        ),
        queue_size=instance.queue_size,
        waiting_for=instance.waiting_for,
        start=start,
        stops=_stops(now, instance),
        safety=_safety(now, instance),
        headroom=headroom.facts_of(instance.headroom, now),
        stuck=tuple(StuckFacts.of(one, now.timestamp()) for one in instance.stuck),
        **common,  # type: ignore[arg-type]
    )


def _beat_silent_s(now: datetime) -> float | None:
    watch = AlertWatch.objects.filter(id=1).values_list("beat_at", "awaited_since").first()
    times = [at for at in watch or () if at is not None]
    return max(0.0, figures.passed_s(max(times), now)) if times else None


def _safety(now: datetime, instance: Instance) -> SafetyFacts:
    # A cancelled run does not count; an unfinished one may still succeed
    ended = (ComparisonRun.State.DONE, ComparisonRun.State.FAILED)
    newest = ComparisonRun.objects.filter(state__in=ended).first()
    failed = newest is not None and newest.state == ComparisonRun.State.FAILED
    differing = list(figures.differing_collections())
    left_out = newest.error if newest and not failed else ""
    return SafetyFacts(
        halts=tuple(HaltFacts.of(halt) for halt in instance.halts),
        clock_warning=instance.clock_warning,
        loops=instance.loops,
        loop_ago_s=(now - instance.loop_at).total_seconds() if instance.loop_at else None,
        failed_run=(newest.error or "no reason was recorded") if newest and failed else "",
        left_out=left_out,
        differing=sum(one.differing for one in differing),
        differing_in=tuple(one.collection for one in differing[:NAMED]) + ("…",) * (len(differing) > NAMED),
        paused_runs=tuple(map(_paused, figures.paused_runs())),
    )


def _paused(run: ComparisonRun) -> str:
    done = (
        f"after {run.documents:,} of about {max(run.expected, run.documents):,} documents"
        if run.expected
        else ""
    )
    since = f"since {run.paused_at:%Y-%m-%d %H:%M:%S} UTC" if run.paused_at else ""
    what = ", ".join(run.collections) or "all collections"
    return " ".join(part for part in (f"{run.get_kind_display()} of {what}", done, since) if part)


def _stream(now: datetime, status: str, since: datetime | None, reconnects: int, error: str) -> StreamFacts:
    return StreamFacts(status, (now - since).total_seconds() if since else 0.0, reconnects, error)


def _text(instance: Instance, subject: str) -> str:
    return str(instance.stops.get(subject, {}).get("text", ""))


def _stops(now: datetime, instance: Instance) -> tuple[StopFacts, ...]:
    found = []
    for kind in ("broker", "workers"):
        if one := instance.stops.get(kind):
            since = datetime.fromtimestamp(one["since"], UTC)
            found.append(StopFacts(kind, one["text"], since, (now - since).total_seconds()))
    return tuple(found)


def _start(now: datetime, instance: Instance | None) -> StartFacts | None:
    """The last report of a listener that cannot start. Not of one that would only stand by, while another is active;
    nor of one that no longer reports."""
    row = ListenerStart.objects.first()
    if row is None or now > row.next_at + LONGEST_ATTEMPT:
        return None
    another = instance if instance and not instance.holder.startswith(f"{row.holder}:") else None
    if another and another.seen_at and now - another.seen_at < SILENT:
        return None
    return StartFacts(row.text, row.first_seen, (row.next_at - now).total_seconds())


def slow_seconds(now: datetime, limits: Thresholds = DEFAULT) -> dict[str, float]:
    """For how long every recent minute with changes has been too slow, by direction.

    Counted from the first to the last such minute: a minute without changes neither ends nor prolongs it.
    Minutes older than a quarter of an hour are ignored.
    """
    spans: dict[str, float] = {}
    last: dict[str, datetime] = {}
    changes: Counter[str] = Counter()
    over: set[str] = set()
    rows = (
        MetricMinute.objects.filter(
            minute__range=figures.window(now - timedelta(minutes=14)), processed__gt=0
        )
        .order_by("-minute")
        .values_list("direction", "minute", "processed", F("time_ms") / F("processed"))
    )
    for direction, minute, processed, average_ms in rows:
        if direction in over or average_ms <= limits.average_critical_ms:
            over.add(direction)
        else:
            last.setdefault(direction, minute)
            changes[direction] += processed
            spans[direction] = (last[direction] - minute).total_seconds() + 60
    # Two slow changes ten minutes apart do not make a slow period
    return {which: span for which, span in spans.items() if changes[which] >= limits.average_from}
