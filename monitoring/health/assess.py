"""Health as a pure function of facts: `healthy`, `degraded` or `critical`, with the reasons.

The default thresholds are those of the table in docs/api.md. No other value contains the word healthy,
since scripts search for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitoring.health import headroom, safety, stuck
from monitoring.health.levels import DirectionFacts, conflict_level, error_level, lag_level
from monitoring.health.limits import DEFAULT, Thresholds
from monitoring.health.safety import SafetyFacts
from monitoring.health.stuck import StuckFacts
from monitoring.health.values import Code, Page, Reason, Status, clock, counted, duration

__all__ = ["Status", "Thresholds", "assess", "duration"]
DISABLED_MESSAGE = "Bidirectional sync is disabled"
PAUSED_MESSAGE = "Sync is paused"
HALTED_MESSAGE = "Sync is halted until an operator answers"
NOT_STARTED_MESSAGE = "Bidirectional sync has not started yet"


@dataclass(frozen=True)
class StreamFacts:
    status: str = "connected"
    since_s: float = 0.0  # duration of the current status
    reconnects: int = 0  # failed attempts in a row
    error: str = ""  # why it is not connected


@dataclass(frozen=True)
class StartFacts:
    """Why the listener cannot start."""

    text: str
    first_seen: datetime
    next_in_s: float


@dataclass(frozen=True)
class StopFacts:
    """`kind`: broker or workers."""

    kind: str
    text: str
    since: datetime
    since_s: float


@dataclass(frozen=True)
class Facts:
    enabled: bool = True
    paused: bool = False
    silent_s: float | None = 0.0  # since the listener's last report; None: there was none
    local_stream: StreamFacts = StreamFacts()
    atlas_stream: StreamFacts = StreamFacts()
    pull: DirectionFacts = field(default_factory=DirectionFacts)
    push: DirectionFacts = field(default_factory=DirectionFacts)
    conflicts_last_hour: int = 0
    resolver_failures: int = 0  # of them
    queue_size: int = 0
    max_reconnects: int = 10
    broker: str = "Redis"  # which one
    start: StartFacts | None = None
    stops: tuple[StopFacts, ...] = ()
    waiting_for: str = ""  # why the listener has not started to read the streams; empty: it has
    safety: SafetyFacts = field(default_factory=SafetyFacts)
    stuck: tuple[StuckFacts, ...] = ()
    headroom: tuple[headroom.HeadroomFacts, ...] = ()
    beat_silent_s: float | None = None  # since the last periodic task; None: nobody has waited for one yet


@dataclass(frozen=True)
class Health:
    status: Status
    message: str
    reasons: tuple[Reason, ...]
    unknown: frozenset[Code] = frozenset()  # without a reason for it, nobody knows whether this is wrong


# What only a listener that reports can tell
_OF_THE_LISTENER = frozenset(
    {
        Code.STREAM, Code.PENDING, Code.CONFLICTS, Code.RESOLVER, Code.SLOW, Code.REJECTED, Code.LAG, Code.FAILING,
        Code.STILL, Code.BROKER, Code.WORKERS,
    }
)  # fmt: skip


def assess(facts: Facts, limits: Thresholds = DEFAULT, now: datetime | None = None) -> Health:
    """While sync is disabled only the direction local → Atlas counts."""
    reasons = _listener(facts, limits, now or datetime.now(UTC))
    if facts.paused:
        text = "Sync is paused: changes wait on both sides until it is resumed"
        reasons.append(Reason(Status.DEGRADED, Code.PAUSED, text, Page.SETTINGS))
    if facts.start is not None:
        pass  # reports from before the listener's restart are outdated
    elif facts.waiting_for and facts.silent_s is not None:
        # Nothing is read or written before that, so streams and lag do not matter
        reasons.append(Reason(Status.DEGRADED, Code.NOT_STARTED, facts.waiting_for, _page_of_waiting(facts)))
    elif not facts.paused and (not reasons or reasons[0].status != Status.CRITICAL):
        # Streams and lag from the last report are outdated
        reasons += _streams(facts, limits) + _flow(facts, limits)
        reasons += stuck.reasons(facts.stuck, limits.lasting_s, pulls=facts.enabled)
    if facts.start is None and not _is_silent(facts, limits):
        reasons += [_stop(one, facts.broker, limits) for one in facts.stops]
    # Halts are stored beside the data, also without a running listener
    reasons += safety.reasons(facts.safety, limits, pulls=facts.enabled)
    reasons += _beat(facts, limits)
    reasons += headroom.reasons(facts.headroom, limits)
    status = max((r.status for r in reasons), key=lambda s: s.exit_code, default=Status.HEALTHY)
    ordered = sorted(reasons, key=lambda r: -r.status.exit_code)
    unknown = _OF_THE_LISTENER if facts.start is not None or _is_silent(facts, limits) else frozenset()
    return Health(status, _message(facts, status), tuple(ordered), unknown)


def _page_of_waiting(facts: Facts) -> Page:
    return Page.HALTS if any(not halt.side for halt in facts.safety.halts) else Page.FIRST_RUN


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
        Status.DEGRADED: "Bidirectional sync is running, but has warnings",
        Status.CRITICAL: "Bidirectional sync needs attention",
    }[status]


def _listener(facts: Facts, limits: Thresholds, now: datetime) -> list[Reason]:
    if facts.start is not None:
        return [_not_begun(facts.start, limits, now)]
    if facts.silent_s is None:
        text = "The listener has not reported yet: is `manage.py sync_listen` running?"
        return [Reason(Status.CRITICAL, Code.NEVER_REPORTED, text)]
    if facts.silent_s > limits.silent_warning_s:
        critical = facts.silent_s > limits.silent_critical_s
        text = (
            f"The listener has not reported for {duration(facts.silent_s)} "
            f"(critical above {duration(limits.silent_critical_s)}): is `manage.py sync_listen` running?"
        )
        status = Status.CRITICAL if critical else Status.DEGRADED
        return [Reason(status, Code.SILENT, text, Page.DEVICES)]
    return []


def _beat(facts: Facts, limits: Thresholds) -> list[Reason]:
    if facts.beat_silent_s is None or facts.beat_silent_s <= limits.beat_silent_s:
        return []
    text = (
        f"Periodic tasks have not been carried out for {duration(facts.beat_silent_s)}: "
        "is Celery's beat running, and a worker for the queue maintenance?"
    )
    return [Reason(Status.DEGRADED, Code.BEAT, text)]


def _is_silent(facts: Facts, limits: Thresholds) -> bool:
    return facts.silent_s is None or facts.silent_s > limits.silent_warning_s


def _not_begun(start: StartFacts, limits: Thresholds, now: datetime) -> Reason:
    lasts_s = (now - start.first_seen).total_seconds()
    when = f"next attempt in {start.next_in_s:.0f} s" if start.next_in_s >= 1 else "trying now"
    bound = f"critical after {duration(limits.blocked_critical_s)}"
    said = start.text.removesuffix(".")
    text = f"Sync cannot start. {said}, first seen {clock(start.first_seen, lasts_s)} ({bound}), {when}"
    status = Status.CRITICAL if lasts_s > limits.blocked_critical_s else Status.DEGRADED
    return Reason(status, Code.CANNOT_START, text)


def _stop(stop: StopFacts, broker: str, limits: Thresholds) -> Reason:
    lasting = f"(critical after {duration(limits.blocked_critical_s)})"
    if stop.kind == "broker":
        text = f"The broker ({broker}) is unreachable since {clock(stop.since, stop.since_s)} {lasting}: {stop.text}"
    else:
        queue = f" for the queue {stop.text}" if stop.text else ""
        silent = f"No worker has reported for {duration(stop.since_s)} {lasting}"
        text = f"{silent}: is a Celery worker running{queue}?"
    status = Status.CRITICAL if stop.since_s > limits.blocked_critical_s else Status.DEGRADED
    if stop.kind == "broker":
        return Reason(status, Code.BROKER, text)
    return Reason(status, Code.WORKERS, text, about=stop.text)


def _streams(facts: Facts, limits: Thresholds) -> list[Reason]:
    streams = [("local", facts.local_stream)] + ([("Atlas", facts.atlas_stream)] if facts.enabled else [])
    return [reason for name, stream in streams for reason in _stream(name, stream, facts, limits)]


def _stream(name: str, stream: StreamFacts, facts: Facts, limits: Thresholds) -> list[Reason]:
    why = f": {stream.error}" if stream.error else ""
    if stream.reconnects >= facts.max_reconnects:
        text = (
            f"The {name} change stream has failed {counted(stream.reconnects, 'time')} in a row "
            f"(critical from {facts.max_reconnects}); still retrying{why}"
        )
        return [Reason(Status.CRITICAL, Code.STREAM, text, Page.DEVICES, name.lower())]
    if stream.status != "connected":
        critical = stream.since_s > limits.disconnected_s
        text = (
            f"The {name} change stream has been {stream.status} for {duration(stream.since_s)} "
            f"(critical above {duration(limits.disconnected_s)}){why}"
        )
        status = Status.CRITICAL if critical else Status.DEGRADED
        return [Reason(status, Code.STREAM, text, Page.DEVICES, name.lower())]
    return []


# Names for people and for programs
_PULL, _PUSH = ("Atlas → local", "atlasToLocal"), ("Local → Atlas", "localToAtlas")


def _flow(facts: Facts, limits: Thresholds) -> list[Reason]:
    directions = ([(_PULL, facts.pull)] if facts.enabled else []) + [(_PUSH, facts.push)]
    reasons = [reason for which, d in directions for reason in _direction(*which, d, limits)]
    oldest_ms = max(d.lag_ms for _, d in directions)
    if facts.queue_size > limits.pending and oldest_ms > limits.pending_s * 1000:
        text = (
            f"{counted(facts.queue_size, 'operation')} pending, the oldest for {duration(oldest_ms / 1000)} "
            f"(critical above {limits.pending:,} that wait for more than {duration(limits.pending_s)})"
        )
        reasons.append(Reason(Status.CRITICAL, Code.PENDING, text, Page.DEVICES))
    if facts.enabled:
        level = conflict_level(facts.conflicts_last_hour, limits)
        if level != Status.HEALTHY:
            text = (
                f"{counted(facts.conflicts_last_hour, 'conflict')} in the last hour "
                f"(fewer than {limits.conflicts_warning} are normal, critical above {limits.conflicts_critical})"
            )
            reasons.append(Reason(level, Code.CONFLICTS, text, Page.CONFLICTS))
        if facts.resolver_failures:
            text = (
                f"A resolver has failed for {counted(facts.resolver_failures, 'conflict')} in the last hour: the general "
                "strategy has decided, and the record of each says why"
            )
            reasons.append(Reason(Status.DEGRADED, Code.RESOLVER, text, Page.CONFLICTS))
    return reasons


def _direction(name: str, about: str, facts: DirectionFacts, limits: Thresholds) -> list[Reason]:
    reasons = []
    if facts.slow_for_s >= limits.lasting_s:
        text = (
            f"{name}: processing has taken more than {limits.average_critical_ms:.0f} ms on average for "
            f"{duration(facts.slow_for_s)} (critical from {duration(limits.lasting_s)})"
        )
        reasons.append(Reason(Status.CRITICAL, Code.SLOW, text, Page.METRICS, about))
    elif facts.average_ms >= limits.average_warning_ms and facts.averaged >= limits.average_from:
        text = (
            f"{name}: processing takes {facts.average_ms:,.0f} ms on average "
            f"(normal below {limits.average_warning_ms:.0f} ms)"
        )
        reasons.append(Reason(Status.DEGRADED, Code.SLOW, text, Page.METRICS, about))
    level = error_level(facts, limits)
    if level != Status.HEALTHY:
        text = (
            f"{name}: {facts.error_share * 100:.1f} % of the last hour's changes were rejected, "
            f"{facts.failed:,} of {facts.processed:,} (normal below "
            f"{100 * limits.error_share_warning:.4g} %, critical above {100 * limits.error_share_critical:.4g} % "
            f"if they are {limits.errors_critical_from} or more)"
        )
        reasons.append(Reason(level, Code.REJECTED, text, Page.REJECTED, about))
    if lag_level(facts.lag_ms, limits) != Status.HEALTHY:
        bound = f"normal below {duration(limits.lag_warning_ms / 1000)}"
        text = f"{name}: lag is {duration(facts.lag_ms / 1000)} ({bound})"
        reasons.append(Reason(Status.DEGRADED, Code.LAG, text, Page.METRICS, about))
    return reasons
