"""Single figures against the bounds of health: the same for its reasons and for colours."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.health.limits import DEFAULT, Thresholds
from monitoring.health.values import Status


@dataclass(frozen=True)
class DirectionFacts:
    average_ms: float = 0.0  # over the last ten minutes
    averaged: int = 0  # number of changes
    slow_for_s: float = 0.0  # for how long every minute's average has been above the critical threshold
    failed: int = 0  # of the changes that were processed in the last hour
    processed: int = 0
    lag_ms: float = 0.0

    @property
    def error_share(self) -> float:
        return self.failed / self.processed if self.processed else 0.0


def error_level(facts: DirectionFacts, limits: Thresholds = DEFAULT) -> Status:
    """A few rejected changes degrade health; only a share of many is critical."""
    found = _level(facts.error_share, limits.error_share_warning, limits.error_share_critical)
    few = facts.failed < limits.errors_critical_from
    return Status.DEGRADED if found == Status.CRITICAL and few else found


def conflict_level(number: int, limits: Thresholds = DEFAULT) -> Status:
    return _level(number, limits.conflicts_warning, limits.conflicts_critical)


def lag_level(lag_ms: float, limits: Thresholds = DEFAULT) -> Status:
    return Status.DEGRADED if lag_ms >= limits.lag_warning_ms else Status.HEALTHY


def _level(value: float, warning: float, critical: float) -> Status:
    """Critical above its threshold, degraded from its threshold on: `< 5 | 5–20 | > 20`."""
    if value > critical:
        return Status.CRITICAL
    return Status.DEGRADED if value >= warning else Status.HEALTHY
