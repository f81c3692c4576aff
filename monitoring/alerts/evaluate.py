"""One evaluation: what is wrong now, against the open alerts. Of two at once only one counts; a restart in the middle
repeats nothing, since states and messages are written together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from monitoring.alerts import elapsed, outbox
from monitoring.alerts.configured import keep_environment
from monitoring.alerts.lifecycle import Life, Notice, begin, end, go_on
from monitoring.alerts.rules import Rule, Rules, current_rules
from monitoring.facts import Snapshot, take_snapshot
from monitoring.health.values import Reason, Status
from syncapp.models import Alert, AlertWatch

LONGEST_ABOUT = 400
SEVERITIES = {Status.DEGRADED: Alert.Severity.WARNING, Status.CRITICAL: Alert.Severity.CRITICAL}
Key = tuple[str, str]


def evaluate(*, by_beat: bool) -> bool:
    """Whether it counted. `by_beat`: otherwise a web process does it, because beat is silent. Raises DatabaseError."""
    watch = AlertWatch.objects.get_or_create(id=1)[0]
    if not by_beat:
        return _evaluated(watch)
    # At first: it must not find itself silent
    AlertWatch.objects.filter(id=1).update(beat_at=timezone.now())
    try:
        return _evaluated(watch)
    except Exception:
        # Beat is there, and nobody is told of anything: as good as silent
        AlertWatch.objects.filter(id=1).update(beat_at=watch.beat_at)
        raise


def _evaluated(watch: AlertWatch) -> bool:
    keep_environment()
    snapshot, rules, mark = take_snapshot(), current_rules(), elapsed.mark()
    passed_s = elapsed.elapsed_s(watch.clock, mark, watch.evaluated_at, snapshot.at)
    with transaction.atomic():
        mine = AlertWatch.objects.filter(id=1, turn=watch.turn)
        if not mine.update(turn=watch.turn + 1, evaluated_at=snapshot.at, clock=mark):
            return False
        outbox.put_notices(_changed(snapshot, rules, passed_s), snapshot.at)
    return True


def _changed(snapshot: Snapshot, rules: Rules, passed_s: float) -> list[tuple[Alert, Notice]]:
    """Bring the alerts up to date. Returns those that channels are told of."""
    wrong = _wrong((*snapshot.health.reasons, *snapshot.notices), rules)
    # Locked: somebody may acknowledge one at this moment
    alerts = {
        (one.code, one.about): one for one in Alert.objects.select_for_update().filter(resolved_at=None)
    }
    told: list[tuple[Alert, Notice]] = []
    for key, reason in wrong.items():
        rule = rules[reason.code]
        alert, seconds = alerts.pop(key, None), passed_s
        if alert is None:
            alert, seconds = _new(key, reason, rule, snapshot), 0.0
        told += _still_wrong(alert, reason, rule, seconds, snapshot.at)
    for alert in alerts.values():
        if not _is_unknown(alert, snapshot, rules):
            told += _over(alert, rules, passed_s, snapshot.at)
    return told


def _wrong(reasons: Iterable[Reason], rules: Rules) -> dict[Key, Reason]:
    """The worst reason of each code and what it concerns."""
    found: dict[Key, Reason] = {}
    for reason in reasons:  # the worst first
        if rules[reason.code].enabled:
            found.setdefault((str(reason.code), reason.about[:LONGEST_ABOUT]), reason)
    return found


def _is_unknown(alert: Alert, snapshot: Snapshot, rules: Rules) -> bool:
    """A silent listener does not say that a stream is connected again."""
    unknown = [code for code in snapshot.health.unknown if code == alert.code]
    return any(rules[code].enabled for code in unknown)


def severity_of(reason: Reason, rule: Rule) -> Alert.Severity:
    return rule.default.severity or SEVERITIES[reason.status]


def _new(key: Key, reason: Reason, rule: Rule, snapshot: Snapshot) -> Alert:
    code, about = key
    silenced = Alert.objects.filter(code=code, about=about, silenced_until__gt=snapshot.at).first()
    life = begin(severity_of(reason, rule), snapshot.at, silenced.silenced_until if silenced else None)
    device = snapshot.instance.instance_id if snapshot.instance else ""
    alert = Alert(code=code, about=about, device=device, since=snapshot.at)
    _set(alert, life)
    return alert


def _still_wrong(
    alert: Alert, reason: Reason, rule: Rule, seconds: float, now: datetime
) -> list[tuple[Alert, Notice]]:
    before = _shown(alert)
    life, notice = go_on(_life(alert), severity_of(reason, rule), rule.waits_s, seconds, now)
    _set(alert, life)
    alert.message, alert.page = reason.text, str(reason.page or "")
    if notice:
        alert.fired_at = alert.fired_at or now
        alert.acknowledged_at, alert.acknowledged_by = None, ""
    if alert.pk is None or _shown(alert) != before:
        alert.save()
    return [(alert, notice)] if notice else []


def _over(alert: Alert, rules: Rules, seconds: float, now: datetime) -> list[tuple[Alert, Notice]]:
    if alert.state == Alert.State.PENDING and not alert.told:
        alert.delete()  # it never became one
        return []
    rule = next((rule for code, rule in rules.items() if code == alert.code and rule.enabled), None)
    life, notice = end(_life(alert), rule.default.settles_s if rule else 0.0, seconds)
    _set(alert, life)
    alert.resolved_at = now if life.state == Alert.State.RESOLVED else None
    alert.save()
    return [(alert, notice)] if notice else []


def _life(alert: Alert) -> Life:
    """What is kept in `lasted_s` is, once it was told, for how long it has been right."""
    told = Alert.Severity(alert.told) if alert.told else None
    lasted_s, calm_s = (0.0, alert.lasted_s) if told else (alert.lasted_s, 0.0)
    return Life(
        Alert.State(alert.state), Alert.Severity(alert.severity), lasted_s, told, alert.silenced_until, calm_s
    )


def _set(alert: Alert, life: Life) -> None:
    alert.state, alert.severity = life.state, life.severity
    alert.lasted_s = life.calm_s if life.told else life.lasted_s
    alert.told, alert.silenced_until = life.told or "", life.silenced_until


def _shown(alert: Alert) -> tuple[object, ...]:
    """What is worth a write."""
    return (
        alert.state, alert.severity, alert.told, alert.message, alert.page, alert.lasted_s, alert.silenced_until,
    )  # fmt: skip
