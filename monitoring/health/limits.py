"""The bounds of health. Operators change some of them with the rules for alerts (monitoring/alerts/catalogue.py)."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.health.values import HOUR, MINUTE


@dataclass(frozen=True)
class Thresholds:
    average_warning_ms: float = 200
    average_critical_ms: float = 500  # when it lasts
    average_from: int = 10  # changes: an average of fewer is not significant
    conflicts_warning: int = 5  # an hour
    conflicts_critical: int = 20
    error_share_warning: float = 0.01
    error_share_critical: float = 0.05
    errors_critical_from: int = 10  # rejected changes: a share of a few changes is not significant
    pending: int = 100
    pending_s: float = 10 * MINUTE  # that the oldest has waited
    lasting_s: float = 10 * MINUTE
    disconnected_s: float = 5 * MINUTE
    lag_warning_ms: float = 5_000
    silent_warning_s: float = 15
    silent_critical_s: float = 60
    blocked_critical_s: float = 60  # the listener cannot start, or hand out work
    beat_silent_s: float = 60
    headroom_warning_s: float = 12 * HOUR  # a device that is away for longer has to compare everything
    headroom_critical_s: float = 2 * HOUR
    device_unseen_s: float = 15 * MINUTE  # another device
    differing_warning: int = 0  # documents, as comparisons found them
    differing_critical: int = 100


DEFAULT = Thresholds()
