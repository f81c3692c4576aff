"""What happened in a span of time, for the charts: starts, versions, halts, critical alerts, and what operators changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from syncapp.core.text.plain_ids import shorter
from syncapp.models import Alert, AuditEntry, Mark

MOST = 100
LONGEST = 160  # characters
# What an operator or the environment changed in how sync works
CHANGES = (
    Q(action__startswith="set ")
    | Q(action__contains="rule")
    | Q(
        action__in=(
            "environment changed",
            "exclude collection",
            "include collection",
            "answer halt",
            "first run",
        )
    )
)


def marks(since: datetime, *, details: bool) -> list[dict[str, Any]]:
    """The newest, in order: `at` in seconds since 1970, `kind`, `text`. `details`: what the audit log says of a change."""
    found = [
        *((one.at, one.kind, one.text) for one in Mark.objects.filter(at__gte=since)[:MOST]),
        *((one.fired_at, "alert", f"Alert {one}: {one.message}") for one in _alerts(since)),
        *((one.at, "change", _change(one, details)) for one in _changes(since)),
    ]
    newest = sorted(found, key=lambda one: one[0])[-MOST:]
    return [
        {"at": at.timestamp(), "kind": str(kind), "text": shorter(text.replace("`", ""), LONGEST)}
        for at, kind, text in newest
    ]


def _alerts(since: datetime) -> Any:
    return Alert.objects.filter(severity=Alert.Severity.CRITICAL, fired_at__gte=since).order_by("-fired_at")[
        :MOST
    ]


def _changes(since: datetime) -> Any:
    return AuditEntry.objects.filter(CHANGES, at__gte=since)[:MOST]


def _change(entry: AuditEntry, details: bool) -> str:
    return (
        f"Changed: {entry.action} ({entry.detail})"
        if details and entry.detail
        else f"Changed: {entry.action}"
    )
