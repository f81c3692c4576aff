"""How long records stay in Django's database: what is older than its setting is removed each night.

Conflicts that need manual resolution stay whatever their age. Figures are rolled up and alerts pruned where they belong
(`monitoring`).
"""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.utils import timezone

from syncapp.conf.settings import SyncSettings, get_settings
from syncapp.mirror.waiting import waiting
from syncapp.models import AuditEntry, Conflict, RejectedChange
from syncapp.services import idempotency
from syncapp.services.access import api_tokens

PAGE = 200  # rows at a time: a conflict holds up to four documents
TOKENS = dt.timedelta(days=90)  # those that are revoked or expired


def prune(now: dt.datetime | None = None) -> dict[str, int]:
    """How many of each were removed. Raises DatabaseError."""
    now, settings = now or timezone.now(), get_settings()
    found = {name: _remove(rows) for name, rows in old_rows(settings, now).items()}
    found["API tokens"] = api_tokens.forget_ended(now - TOKENS)
    found["idempotency keys"] = idempotency.forget_old()
    return {name: count for name, count in found.items() if count}


def old_rows(settings: SyncSettings, now: dt.datetime) -> dict[str, QuerySet]:
    """What is older than its setting; a setting of 0 keeps for ever."""

    def before(days: int) -> dt.datetime:
        return now - dt.timedelta(days=days)

    found: dict[str, QuerySet] = {}
    if days := settings.sync_keep_conflicts_days:
        # Settled long ago, not only found long ago
        over = Conflict.objects.filter(at__lt=before(days)).exclude(pk__in=waiting().values("pk"))
        found["conflicts"] = over.exclude(resolved_at__gte=before(days)).exclude(
            restored_at__gte=before(days)
        )
    if days := settings.sync_keep_rejected_days:
        found["rejected changes"] = RejectedChange.objects.filter(last_at__lt=before(days))
    if days := settings.sync_keep_audit_days:
        found["audit log entries"] = AuditEntry.objects.filter(at__lt=before(days))
    return found


def _remove(rows: QuerySet) -> int:
    count = 0
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), PAGE):
        count += rows.model.objects.filter(pk__in=ids[start : start + PAGE]).delete()[0]
    return count
