"""The rules in force: the defaults, and what operators have changed of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from monitoring.alerts.catalogue import DEFAULTS, Default
from monitoring.health.limits import DEFAULT, Thresholds
from monitoring.health.values import Code
from syncapp.models import AlertRule

Rules = dict[Code, "Rule"]


@dataclass(frozen=True)
class Rule:
    """`threshold`, `critical`: in the unit of its bounds; None: it has none."""

    default: Default
    enabled: bool
    for_s: float
    threshold: float | None
    critical: float | None

    @property
    def waits_s(self) -> float:
        """How long a reason must last before it fires; 0 where health itself has waited."""
        return 0.0 if self.default.waits_in else self.for_s

    @property
    def is_default(self) -> bool:
        return self == rule_of(self.default)

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        default = self.default
        return {
            "code": str(default.code),
            "enabled": self.enabled,
            "forSeconds": self.for_s,
            "threshold": self.threshold,
            "critical": self.critical,
            "unit": default.bounds.unit if default.bounds else "",
            "severity": str(default.severity or ""),
            "means": default.means,
            "todo": default.todo,
            "runbook": default.code.runbook,
            "changed": not self.is_default,
        }


def rule_of(default: Default, row: AlertRule | None = None) -> Rule:
    row = row or AlertRule(code=default.code)
    threshold, critical = default.bounds.defaults if default.bounds else (None, None)
    threshold = row.threshold if row.threshold is not None and default.bounds else threshold
    critical = row.critical if row.critical is not None and critical is not None else critical
    if default.bounds and threshold is not None and critical is not None:
        critical = default.bounds.worse(critical, threshold)  # what is not yet degraded is not critical
    for_s = default.for_s if row.for_seconds is None else row.for_seconds
    return Rule(default, row.enabled, for_s, threshold, critical)


def current_rules() -> Rules:
    """All of them. Raises DatabaseError."""
    rows = {row.code: row for row in AlertRule.objects.all()}
    return {code: rule_of(default, rows.get(code)) for code, default in DEFAULTS.items()}


def seed() -> None:
    """A row for each code, for the admin's list: without values, so that the defaults go on to count."""
    known = set(AlertRule.objects.values_list("code", flat=True))
    AlertRule.objects.bulk_create(AlertRule(code=code) for code in Code if code not in known)


def limits_of(rules: Rules) -> Thresholds:
    """The bounds of health under these rules."""
    changed: dict[str, float] = {}
    for rule in rules.values():
        bounds, default = rule.default.bounds, rule.default
        if default.waits_in:
            changed[default.waits_in] = rule.for_s
        if bounds and rule.threshold is not None:
            changed[bounds.warning] = rule.threshold * bounds.per_unit
        if bounds and bounds.critical and rule.critical is not None:
            changed[bounds.critical] = rule.critical * bounds.per_unit
    values: dict[str, Any] = {name: _as(name, value) for name, value in changed.items()}
    return dataclasses.replace(DEFAULT, **values)


def _as(name: str, value: float) -> float:
    """Counts are whole numbers, as they are shown; 1 % is 0.01 and not 0.010000000000000002."""
    whole = isinstance(getattr(DEFAULT, name), int)
    return int(value) if whole else round(value, 9)
