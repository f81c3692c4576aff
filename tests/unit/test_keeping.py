"""Old records go after their keep time, and younger ones stay."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from monitoring import folding
from monitoring.alerts import operations
from syncapp.conf import settings as conf
from syncapp.models import Alert, ApiToken, AuditEntry, Conflict, IdempotencyKey, MetricMinute, RejectedChange
from syncapp.models.choices import Direction
from syncapp.rules.switches import audit
from syncapp.services import keeping
from syncapp.services.access import api_tokens
from syncapp.services.idempotency import Answered, once
from tests.support import rows

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def ten_days(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("conflicts", "rejected", "metrics", "alerts", "audit")
    keep(monkeypatch, **{f"sync_keep_{name}_days": 10 for name in names})


def keep(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    changed = dataclasses.replace(conf.get_settings(), **values)
    for module in (keeping, folding, operations):
        monkeypatch.setattr(module, "get_settings", lambda: changed)


def ago(days: float) -> dt.datetime:
    return timezone.now() - days * DAY


def test_settled_conflicts_go_and_those_that_wait_stay() -> None:
    version = {"_id": 1}
    old = rows.conflict(version, None, ago=11 * DAY)
    late = rows.conflict(version, None, ago=30 * DAY, restored_at=ago(2))
    waits = rows.conflict(version, None, ago=300 * DAY, winner="open")
    decided = rows.conflict(version, None, ago=300 * DAY, winner="local", resolved_at=ago(11))
    young = rows.conflict(version, None, ago=9 * DAY)
    assert keeping.prune() == {"conflicts": 2}
    left = set(Conflict.objects.values_list("pk", flat=True))
    assert left == {late.pk, waits.pk, young.pk}, (old.pk, decided.pk)


def test_rejected_changes_and_the_audit_log_go() -> None:
    for number, days in ((1, 11), (2, 9)):
        row = rows.rejected(key_hash=str(number))
        RejectedChange.objects.filter(pk=row.pk).update(last_at=ago(days))
        audit(None, f"act {number}")
        AuditEntry.objects.filter(action=f"act {number}").update(at=ago(days))
    assert keeping.prune() == {"rejected changes": 1, "audit log entries": 1}
    assert RejectedChange.objects.get().key_hash == "2"
    assert AuditEntry.objects.get().action == "act 2"


def test_nothing_goes_where_the_setting_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, sync_keep_conflicts_days=0, sync_keep_rejected_days=0, sync_keep_audit_days=0)
    rows.conflict({"_id": 1}, None, ago=9_000 * DAY)
    row = rows.rejected()
    RejectedChange.objects.filter(pk=row.pk).update(last_at=ago(9_000))
    audit(None, "act")
    AuditEntry.objects.update(at=ago(9_000))
    assert keeping.prune() == {}


def test_minutes_are_rolled_up_and_alerts_that_are_over_go() -> None:
    for days in (12, 12.001, 5):
        rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=5)
        MetricMinute.objects.filter(minute__gte=ago(4)).update(
            minute=ago(days).replace(second=0, microsecond=0)
        )
    folding.fold_old_minutes()
    assert sorted(MetricMinute.objects.values_list("succeeded", flat=True)) in ([5, 10], [5, 5, 5])
    assert sum(MetricMinute.objects.values_list("succeeded", flat=True)) == 15, "totals stay"
    assert {one.minute.hour for one in MetricMinute.objects.filter(minute__lt=ago(11))} == {0}
    for days in (11, 9):
        one = rows.alert()
        Alert.objects.filter(pk=one.pk).update(
            resolved_at=ago(days), state=Alert.State.RESOLVED, about=str(days)
        )
    operations.prune()
    assert [one.about for one in Alert.objects.all()] == ["9"]


def test_ended_tokens_and_old_idempotency_keys_go() -> None:
    user = User.objects.create_superuser("root")
    made = [api_tokens.create(user, name, "Viewers")[0] for name in ("ended long ago", "ended", "valid")]
    ApiToken.objects.filter(pk=made[0].pk).update(expires_at=ago(91))
    ApiToken.objects.filter(pk=made[1].pk).update(revoked_at=ago(89))
    for key, days in (("old", 1.1), ("young", 0.9)):
        once(user, key, "request", lambda: Answered(200, {}))
        IdempotencyKey.objects.filter(key=key).update(created_at=ago(days))
    assert keeping.prune() == {"API tokens": 1, "idempotency keys": 1}
    assert {one.name for one in ApiToken.objects.all()} == {"ended", "valid"}
    assert IdempotencyKey.objects.get().key == "young"
