"""Health as a pure function of facts: `healthy`, `degraded` or `critical`, with the reasons.

The thresholds are those of the operators' table (docs/api.md). No other value contains the word healthy,
since scripts search for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitoring import safety, stuck
from monitoring.safety import SafetyFacts
from monitoring.stuck import StuckFacts
from monitoring.values import MINUTE, Reason, Status, clock, duration

__all__ = ["Status", "assess", "duration"]
DISABLED_MESSAGE = "Bidirectional sync is disabled"
PAUSED_MESSAGE = "Sync is paused"
HALTED_MESSAGE = "Sync is halted and waits for an operator's answer"
NOT_STARTED_MESSAGE = "Bidirectional sync has not started yet"


@dataclass(frozen=True)
class Thresholds:
    average_warning_ms: float = 200
    average_critical_ms: float = 500  # when it lasts
    average_from: int = 10  # changes: an average of fewer says nothing
    conflicts_warning: int = 5  # an hour
    conflicts_critical: int = 20
    error_share_warning: float = 0.01
    error_share_critical: float = 0.05
    errors_critical_from: int = 10  # rejected changes: a share of a few changes is no rate
    pending: int = 100
    lasting_s: float = 10 * MINUTE
    disconnected_s: float = 5 * MINUTE
    lag_warning_ms: float = 5_000
    silent_warning_s: float = 15
    silent_critical_s: float = 60


@dataclass(frozen=True)
class StreamFacts:
    status: str = "connected"
    since_s: float = 0.0  # for how long the status has been what it is
    reconnects: int = 0  # failed attempts in a row
    error: str = ""  # why it is not connected


@dataclass(frozen=True)
class StartFacts:
    """Why the listener has not begun."""

    text: str
    first_seen: datetime
    next_in_s: float


@dataclass(frozen=True)
class StopFacts:
    """`kind`: broker, workers or tasks."""

    kind: str
    text: str
    since: datetime
    since_s: float


@dataclass(frozen=True)
class DirectionFacts:
    average_ms: float = 0.0  # over the last ten minutes
    averaged: int = 0  # so many changes
    slow_for_s: float = 0.0  # for how long every minute's average has been above the critical bound
    failed: int = 0  # of the changes that were processed in the last hour
    processed: int = 0
    lag_ms: float = 0.0

    @property
    def error_share(self) -> float:
        return self.failed / self.processed if self.processed else 0.0


@dataclass(frozen=True)
class Facts:
    enabled: bool = True
    paused: bool = False
    silent_s: float | None = 0.0  # since the listener's last sign of life; None: there never was one
    local_stream: StreamFacts = StreamFacts()
    atlas_stream: StreamFacts = StreamFacts()
    pull: DirectionFacts = DirectionFacts()
    push: DirectionFacts = DirectionFacts()
    conflicts_last_hour: int = 0
    queue_size: int = 0
    max_reconnects: int = 10
    start: StartFacts | None = None
    stops: tuple[StopFacts, ...] = ()
    waiting_for: str = ""  # why the listener has not started to read the streams; empty: it has
    safety: SafetyFacts = field(default_factory=SafetyFacts)
    stuck: tuple[StuckFacts, ...] = ()


@dataclass(frozen=True)
class Health:
    status: Status
    message: str
    reasons: tuple[Reason, ...]


def assess(facts: Facts, limits: Thresholds = Thresholds(), now: datetime | None = None) -> Health:
    """While sync is disabled only the direction local → Atlas counts."""
    reasons = _listener(facts, limits, now or datetime.now(UTC))
    if facts.paused:
        reasons.append(
            Reason(Status.DEGRADED, "Sync is paused: changes wait on both sides until it is resumed")
        )
    if facts.start is not None:
        pass  # what a listener said before it had to begin again is no news
    elif facts.waiting_for and facts.silent_s is not None:
        # Nothing is read or written before, so streams and lag are no news
        reasons.append(Reason(Status.DEGRADED, facts.waiting_for))
    elif not facts.paused and (not reasons or reasons[0].status != Status.CRITICAL):
        # What a listener said that has been silent for long is no news about streams and lag
        reasons += _streams(facts, limits) + _flow(facts, limits)
        reasons += stuck.reasons(facts.stuck, limits.lasting_s, pulls=facts.enabled)
    if facts.start is None and not _is_silent(facts, limits):
        # Of tasks that fail, what is known of their changes says more
        reasons += [_stop(one, limits) for one in facts.stops if not (one.kind == "tasks" and facts.stuck)]
    # Halts outlive a silent listener: they are kept beside the data
    reasons += safety.reasons(facts.safety, pulls=facts.enabled)
    status = max((r.status for r in reasons), key=lambda s: s.exit_code, default=Status.HEALTHY)
    ordered = sorted(reasons, key=lambda r: -r.status.exit_code)
    return Health(status, _message(facts, status), tuple(ordered))


def _message(facts: Facts, status: Status) -> str:
    if not facts.enabled:
        return DISABLED_MESSAGE
    if facts.paused:
        return PAUSED_MESSAGE
    if facts.waiting_for and status == Status.DEGRADED:
        return NOT_STARTED_MESSAGE
    if any(not halt.answer and not halt.side for halt in facts.safety.halts) and status == Status.CRITICAL:
        return HALTED_MESSAGE
    return {
        Status.HEALTHY: "Bidirectional sync is running",
        Status.DEGRADED: "Bidirectional sync is running, but needs a look",
        Status.CRITICAL: "Bidirectional sync needs attention now",
    }[status]


def _listener(facts: Facts, limits: Thresholds, now: datetime) -> list[Reason]:
    if facts.start is not None:
        return [_not_begun(facts.start, limits, now)]
    if facts.silent_s is None:
        return [
            Reason(Status.CRITICAL, "The listener has not reported yet: is `manage.py sync_listen` running?")
        ]
    if facts.silent_s > limits.silent_warning_s:
        critical = facts.silent_s > limits.silent_critical_s
        text = f"The listener has been silent for {duration(facts.silent_s)}: is `manage.py sync_listen` running?"
        return [Reason(Status.CRITICAL if critical else Status.DEGRADED, text)]
    return []


def _is_silent(facts: Facts, limits: Thresholds) -> bool:
    return facts.silent_s is None or facts.silent_s > limits.silent_warning_s


def _not_begun(start: StartFacts, limits: Thresholds, now: datetime) -> Reason:
    critical = (now - start.first_seen).total_seconds() > limits.silent_critical_s
    when = f"next attempt in {start.next_in_s:.0f} s" if start.next_in_s >= 1 else "trying now"
    text = f"Sync cannot start. {start.text.removesuffix('.')}, first seen {clock(start.first_seen)}, {when}"
    return Reason(Status.CRITICAL if critical else Status.DEGRADED, text)


def _stop(stop: StopFacts, limits: Thresholds) -> Reason:
    bound = limits.silent_critical_s
    if stop.kind == "broker":
        text = f"The broker (Redis) is unreachable since {clock(stop.since)}: {stop.text}"
    elif stop.kind == "workers":
        queue = f" for the queue {stop.text}" if stop.text else ""
        text = f"No worker has reported for {duration(stop.since_s)}: is a Celery worker running{queue}?"
    else:
        text, bound = f"Tasks fail since {clock(stop.since)}: {stop.text}", limits.disconnected_s
    return Reason(Status.CRITICAL if stop.since_s > bound else Status.DEGRADED, text)


def _streams(facts: Facts, limits: Thresholds) -> list[Reason]:
    streams = [("local", facts.local_stream)] + ([("Atlas", facts.atlas_stream)] if facts.enabled else [])
    return [reason for name, stream in streams for reason in _stream(name, stream, facts, limits)]


def _stream(name: str, stream: StreamFacts, facts: Facts, limits: Thresholds) -> list[Reason]:
    why = f": {stream.error}" if stream.error else ""
    if stream.reconnects >= facts.max_reconnects:
        text = f"The {name} change stream has failed {stream.reconnects} times in a row; trying goes on{why}"
        return [Reason(Status.CRITICAL, text)]
    if stream.status != "connected":
        critical = stream.since_s > limits.disconnected_s
        text = f"The {name} change stream has been {stream.status} for {duration(stream.since_s)}{why}"
        return [Reason(Status.CRITICAL if critical else Status.DEGRADED, text)]
    return []


def _flow(facts: Facts, limits: Thresholds) -> list[Reason]:
    directions = ([("Atlas → local", facts.pull)] if facts.enabled else []) + [("Local → Atlas", facts.push)]
    reasons = [reason for name, d in directions for reason in _direction(name, d, limits)]
    oldest_ms = max(d.lag_ms for _, d in directions)
    if facts.queue_size > limits.pending and oldest_ms > limits.lasting_s * 1000:
        text = f"{facts.queue_size} operations are pending, the oldest for {duration(oldest_ms / 1000)}"
        reasons.append(Reason(Status.CRITICAL, text))
    if facts.enabled:
        level = conflict_level(facts.conflicts_last_hour, limits)
        if level != Status.HEALTHY:
            reasons.append(
                Reason(
                    level,
                    f"{facts.conflicts_last_hour} conflict{'s' * (facts.conflicts_last_hour != 1)} in the last hour (fewer than {limits.conflicts_warning} are normal)",
                )
            )
    return reasons


def _direction(name: str, facts: DirectionFacts, limits: Thresholds) -> list[Reason]:
    reasons = []
    if facts.slow_for_s >= limits.lasting_s:
        text = (
            f"{name}: processing has taken more than {limits.average_critical_ms:.0f} ms on average for "
            + (duration(facts.slow_for_s))
        )
        reasons.append(Reason(Status.CRITICAL, text))
    elif facts.average_ms >= limits.average_warning_ms and facts.averaged >= limits.average_from:
        reasons.append(
            Reason(Status.DEGRADED, f"{name}: processing takes {facts.average_ms:.0f} ms on average")
        )
    level = error_level(facts, limits)
    if level != Status.HEALTHY:
        text = (
            f"{name}: {facts.error_share:.1%} of the last hour's changes were rejected "
            f"({facts.failed:,} of {facts.processed:,})"
        )
        reasons.append(Reason(level, text))
    if facts.lag_ms >= limits.lag_warning_ms:
        reasons.append(Reason(Status.DEGRADED, f"{name}: lag is {duration(facts.lag_ms / 1000)}"))
    return reasons


def error_level(facts: DirectionFacts, limits: Thresholds = Thresholds()) -> Status:
    """A few rejected changes are worth a look; an alarm is a share of many."""
    found = _level(facts.error_share, limits.error_share_warning, limits.error_share_critical)
    few = facts.failed < limits.errors_critical_from
    return Status.DEGRADED if found == Status.CRITICAL and few else found


def conflict_level(number: int, limits: Thresholds = Thresholds()) -> Status:
    return _level(number, limits.conflicts_warning, limits.conflicts_critical)


def _level(value: float, warning: float, critical: float) -> Status:
    """Critical is above its bound, degraded from its bound on: `< 5 | 5–20 | > 20`."""
    if value > critical:
        return Status.CRITICAL
    return Status.DEGRADED if value >= warning else Status.HEALTHY
