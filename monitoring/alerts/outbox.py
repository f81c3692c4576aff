"""What is to be sent: rows, written in the transaction that decides it. Bounded for each channel: the oldest go first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import QuerySet

from monitoring.alerts.catalogue import DEFAULTS
from monitoring.alerts.lifecycle import Notice
from monitoring.health.values import RUNBOOKS
from syncapp.conf.settings import get_settings
from syncapp.models import Alert, AlertChannel, AlertMessage

log = structlog.get_logger(__name__)
MOST_WAITING = 1_000  # for a channel
EXPIRES = timedelta(hours=24)
FULL, EXPIRED = "the queue of the channel was full", "the channel did not take it within 24 hours"


def waiting() -> QuerySet[AlertMessage]:
    return AlertMessage.objects.filter(sent_at=None, dropped="")


def body_of(alert: Alert, notice: Notice) -> dict[str, Any]:
    """As a webhook gets it."""
    default = next((one for code, one in DEFAULTS.items() if code == alert.code), None)
    return {
        "code": alert.code,
        "state": str(notice),
        "severity": str(alert.severity),
        "device": alert.device,
        "since": alert.since.isoformat(),
        "message": alert.message,
        "todo": default.todo if default else "",
        "link": f"{get_settings().public_address}{RUNBOOKS}#{alert.code}",
    }


def put_notices(told: Iterable[tuple[Alert, Notice]], now: datetime) -> None:
    """The end of an alert is for those channels only that were told of its beginning."""
    told = list(told)
    if not told:
        return
    open_channels = list(AlertChannel.objects.filter(enabled=True, alerts=True))
    made: list[AlertMessage] = []
    for alert, notice in told:
        chosen = open_channels if notice == Notice.FIRING else _who_knows(alert)
        body = body_of(alert, notice)
        made += [
            AlertMessage(channel=channel, alert=alert, kind=notice, body=body, created_at=now)
            for channel in chosen
        ]
    AlertMessage.objects.bulk_create(made)
    for channel in {one.channel for one in made}:
        bound(channel)


def _who_knows(alert: Alert) -> list[AlertChannel]:
    told = AlertMessage.objects.filter(alert=alert, kind=AlertMessage.Kind.FIRING, dropped="")
    return list(AlertChannel.objects.filter(enabled=True, pk__in=told.values("channel")))


def bound(channel: AlertChannel) -> None:
    """Drop the oldest of too many."""
    mine = waiting().filter(channel=channel)
    oldest_kept = mine.order_by("-id").values_list("id", flat=True)[MOST_WAITING - 1 : MOST_WAITING].first()
    if oldest_kept is not None:
        drop(mine.filter(id__lt=oldest_kept), FULL)


def drop(rows: QuerySet[AlertMessage], why: str) -> int:
    count = rows.update(dropped=why[:200])
    if count:
        log.error("Alert messages dropped", event_name="alert_messages_dropped", count=count, error=why)
    return count
