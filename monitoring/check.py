"""Health as a check for Nagios and cron: one line, figures after `|`, and a status of 0 to 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from monitoring import figures
from monitoring.facts import Snapshot
from monitoring.health.values import Code, Reason
from syncapp.core.text.one_line import one_line
from syncapp.models import RejectedChange


class State(IntEnum):
    """The exit status of a plug-in."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Figure:
    """`unit`: s, % or none. `warning`, `critical`: the bounds of health, where it has one for this."""

    name: str
    value: float
    unit: str = ""
    warning: float | None = None
    critical: float | None = None

    def __str__(self) -> str:
        bounds = [f"{one:.10g}" if one is not None else "" for one in (self.warning, self.critical)]
        return f"{self.name}={self.value:.10g}{self.unit};{';'.join(bounds)};0"

    def as_document(self) -> dict[str, Any]:
        return {"value": self.value, "unit": self.unit, "warning": self.warning, "critical": self.critical}


@dataclass(frozen=True)
class Check:
    """`reasons`: of health, worst first. `more`: what is wrong beside them."""

    state: State
    message: str
    reasons: Sequence[Reason] = ()
    more: Sequence[str] = ()
    figures: Sequence[Figure] = ()

    def __str__(self) -> str:
        """A bar in it would begin the figures."""
        why = "; ".join([*(reason.text for reason in self.reasons), *self.more])
        said = f"{self.message}: {why}" if why else self.message
        line = one_line(f"SYNC {self.state.name} - {said}".replace("|", "/"))
        return f"{line} | {' '.join(map(str, self.figures))}" if self.figures else line

    def as_document(self) -> dict[str, Any]:
        return {
            "status": self.state.name.lower(),
            "exitStatus": int(self.state),
            "message": self.message,
            "reasons": [reason.as_document() for reason in self.reasons],
            "more": list(self.more),
            "figures": {figure.name: figure.as_document() for figure in self.figures},
        }


def check_of(snapshot: Snapshot, broker_away: str = "") -> Check:
    """`broker_away`: that the broker does not answer this process; empty: it does. A listener that is at work says the same,
    and for how long; this is for when there is none."""
    health = snapshot.health
    known = any(reason.code is Code.BROKER for reason in health.reasons)
    more = [broker_away] if broker_away and not known else []
    state = State(health.status.exit_code)
    if more and state is State.OK:
        state = State.WARNING
    return Check(state, health.message, health.reasons, more, _figures(snapshot))


def _figures(snapshot: Snapshot) -> list[Figure]:
    instance, limits = snapshot.instance, snapshot.limits
    silent_s = snapshot.facts.silent_s
    lag_ms = figures.sync_lag_ms(instance, snapshot.switches.enabled, snapshot.at)
    found = [
        Figure("pending", instance.queue_size if instance else 0, critical=limits.pending),
        Figure(
            "conflicts",
            snapshot.facts.conflicts_last_hour,
            warning=limits.conflicts_warning,
            critical=limits.conflicts_critical,
        ),
        Figure(
            "errors",
            round(100 * snapshot.worst.error_share, 2),
            "%",
            100 * limits.error_share_warning,
            100 * limits.error_share_critical,
        ),
        Figure("rejected", RejectedChange.objects.count()),
        Figure("halts", sum(not halt.answer for halt in snapshot.facts.safety.halts)),
    ]
    if lag_ms is not None:
        found.insert(0, Figure("lag", lag_ms / 1000, "s", limits.lag_warning_ms / 1000))
    if silent_s is not None:
        bounds = limits.silent_warning_s, limits.silent_critical_s
        found.append(Figure("silent", round(max(0.0, silent_s), 3), "s", *bounds))
    return found


def away(why: str, more: Sequence[str] = ()) -> Check:
    """Nothing can be told of sync, because something that must be there is not: that is critical."""
    return Check(State.CRITICAL, why, more=more)


def unknown(why: str) -> Check:
    """The check itself cannot be made."""
    return Check(State.UNKNOWN, why)
