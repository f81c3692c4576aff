"""What API, admin and command do with alerts and their rules. Each change is in the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitoring.alerts.catalogue import DEFAULTS, Default
from monitoring.alerts.outbox import EXPIRES
from monitoring.alerts.rules import Rule, current_rules, rule_of
from monitoring.health.limits import DEFAULT
from monitoring.health.values import Code
from syncapp.conf.settings import get_settings
from syncapp.models import Alert, AlertMessage, AlertRule
from syncapp.rules.switches import Actor, audit
from syncapp.services.errors import NotFound, NotPossible, wrong_value

State = Alert.State
LONGEST_FOR_S = 604_800.0  # a week
LONGEST_SILENCE = timedelta(days=366)
HIGHEST = 1e9
KEEP_MESSAGES = timedelta(days=7)


def acknowledge(alert_id: int, user: Actor = None) -> Alert:
    """Somebody looks after it. Idempotent. Raises NotFound or NotPossible."""
    with transaction.atomic():
        alert = _open(alert_id)
        if alert.state == State.ACKNOWLEDGED:
            return alert
        if alert.state != State.FIRING:
            raise NotPossible(f"The alert is {alert.state}; only one that is firing can be acknowledged")
        before = _standing(alert)
        alert.state, alert.acknowledged_at = State.ACKNOWLEDGED, timezone.now()
        alert.acknowledged_by = user.get_username() if user is not None else ""
        alert.save()
        audit(user, "acknowledge alert", str(alert), before, _standing(alert))
    return alert


def silence(alert_id: int, until: datetime, user: Actor = None) -> Alert:
    """Nothing is sent before this time, also if it ends and begins again. Raises NotFound, NotPossible or WrongInput."""
    now = timezone.now()
    if not now < until <= now + LONGEST_SILENCE:
        raise wrong_value("until", until.isoformat(), "a time in the future, within a year")
    with transaction.atomic():
        alert = _open(alert_id)
        before = _standing(alert)
        alert.state, alert.silenced_until = State.SILENCED, until
        alert.save()
        said = f"{alert}: until {until:%Y-%m-%d %H:%M:%S} UTC"
        audit(user, "silence alert", said, before, _standing(alert))
    return alert


def unsilence(alert_id: int, user: Actor = None) -> Alert:
    """The next evaluation tells of it, if it still lasts. Idempotent. Raises NotFound or NotPossible."""
    with transaction.atomic():
        alert = _open(alert_id)
        if alert.state == State.SILENCED:
            before = _standing(alert)
            alert.state, alert.silenced_until = State.PENDING, None
            alert.save()
            audit(user, "end silence of alert", str(alert), before, _standing(alert))
    return alert


def _standing(alert: Alert) -> dict[str, Any]:
    """For the audit log."""
    return {"state": str(alert.state), "silencedUntil": alert.silenced_until}


def _open(alert_id: int) -> Alert:
    alert = Alert.objects.select_for_update().filter(pk=alert_id).first()
    if alert is None:
        raise NotFound(f"There is no alert with the id {alert_id}", "id")
    if alert.resolved_at is not None:
        raise NotPossible("The alert is resolved")
    return alert


def show_rule(code: str) -> Rule:
    """Raises NotFound."""
    return current_rules()[_default(code).code]


@transaction.atomic
def set_rule(code: str, user: Actor = None, **changed: Any) -> Rule:
    """`changed`: `enabled`, `for_seconds`, `threshold`, `critical`; None: the default again. Raises NotFound, WrongInput."""
    default = _default(code)
    row = AlertRule.objects.select_for_update().filter(code=code).first() or AlertRule(code=code)
    before = rule_of(default, row)
    for name, value in changed.items():
        setattr(row, name, True if name == "enabled" and value is None else value)
    check_rule(row)
    row.save()
    after = rule_of(default, row)
    if after != before:
        said = f"{code}: {_said(before)} → {_said(after)}"
        audit(user, "change alert rule", said, before.as_document(), after.as_document())
    return after


def reset_rule(code: str, user: Actor = None) -> Rule:
    """The default again. Raises NotFound."""
    return set_rule(code, user, enabled=True, for_seconds=None, threshold=None, critical=None)


def _default(code: str) -> Default:
    if code not in list(Code):
        raise NotFound(f"There is no rule {code!r}; there are: {', '.join(Code)}", "code")
    return DEFAULTS[Code(code)]


def check_rule(row: AlertRule) -> None:
    """Raises NotFound or WrongInput."""
    default = _default(row.code)
    if row.for_seconds is not None and not 0 <= row.for_seconds <= LONGEST_FOR_S:
        raise wrong_value("forSeconds", row.for_seconds, f"seconds from 0 to {LONGEST_FOR_S:.0f}")
    bounds = default.bounds
    for name, field in (("threshold", bounds and bounds.warning), ("critical", bounds and bounds.critical)):
        value = getattr(row, name)
        if value is None:
            continue
        if not bounds or not field:
            raise wrong_value(name, value, f"nothing: the rule {default.code} has none")
        if not bounds.lowest <= value <= HIGHEST:
            raise wrong_value(
                name, value, f"a number from {bounds.lowest:.10g} to {HIGHEST:.0f} ({bounds.unit})"
            )
        if isinstance(getattr(DEFAULT, field), int) and value != int(value):
            raise wrong_value(name, value, f"a whole number ({bounds.unit})")
    if bounds is None or row.threshold is None or row.critical is None:
        return
    if bounds.worse(row.critical, row.threshold) != row.critical:
        beyond = "less" if bounds.falling else "more"
        raise wrong_value("critical", row.critical, f"the threshold or {beyond} ({row.threshold:.10g})")


def _said(rule: Rule) -> str:
    parts = [f"for {rule.for_s:g} s" if rule.enabled else "off"]
    if rule.default.bounds:
        parts += rule.default.bounds.said(rule.threshold, rule.critical)
    return ", ".join(parts)


def prune() -> int:
    """Forget what is long over. Raises DatabaseError."""
    now, keep = timezone.now(), timedelta(days=get_settings().sync_keep_alerts_days)
    alerts, _ = Alert.objects.filter(resolved_at__lt=now - keep).delete()
    messages, _ = AlertMessage.objects.filter(
        created_at__lt=now - max(KEEP_MESSAGES, EXPIRES * 2), alert__isnull=True
    ).delete()
    return alerts + messages
