"""Sends what waits: the oldest first, each until its channel has taken it, and then never again. A channel that fails is
left alone for a while; the others go on. One process at a time sends to a channel."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db import connections
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from monitoring.alerts import outbox
from monitoring.alerts.configured import kind_of, options_of
from monitoring.alerts.kind import Kind, Message, Refused, Unavailable
from monitoring.alerts.lifecycle import Notice
from syncapp.core.text.one_line import one_line
from syncapp.models import AlertChannel, AlertMessage
from syncapp.process.django_calls import drop_broken_connections

log = structlog.get_logger(__name__)
CLAIM = timedelta(minutes=2)  # longer than a turn and a receiver that does not answer
TURN_SECONDS = 60.0
MOST_AT_ONCE = 50  # in one mail
GATHER = timedelta(minutes=1)
FIRST_RETRY_SECONDS, LONGEST_RETRY = 5.0, timedelta(minutes=5)


def deliver() -> int:
    """The number of messages that channels have taken. Raises DatabaseError."""
    return sum(_send_all(channel) for channel in _due(timezone.now()))


def _due(now: datetime) -> list[AlertChannel]:
    """Not those that failed a moment ago. A time too far ahead is one from before the clock was set back."""
    later = Q(retry_at__gt=now, retry_at__lte=now + LONGEST_RETRY * 2)
    with_messages = outbox.waiting().values("channel")
    return list(AlertChannel.objects.filter(enabled=True, pk__in=with_messages).exclude(later))


def _send_all(channel: AlertChannel) -> int:
    now = timezone.now()
    busy = Q(claimed_until__gt=now, claimed_until__lte=now + CLAIM)
    if not AlertChannel.objects.filter(pk=channel.pk).exclude(busy).update(claimed_until=now + CLAIM):
        return 0
    try:
        return _turn(channel)
    finally:
        AlertChannel.objects.filter(pk=channel.pk).update(claimed_until=None)


def _turn(channel: AlertChannel) -> int:
    kind, sent = kind_of(channel), 0
    mine = outbox.waiting().filter(channel=channel)
    outbox.drop(mine.filter(created_at__lt=timezone.now() - outbox.EXPIRES), outbox.EXPIRED)
    if kind is None:
        return 0
    ends = time.monotonic() + TURN_SECONDS
    for rows in _batches(mine, channel, kind):
        if not _send(channel, kind, rows):
            break
        sent += len(rows)
        if time.monotonic() > ends:
            break
    return sent


def _batches(mine: QuerySet[AlertMessage], channel: AlertChannel, kind: Kind) -> Iterator[list[AlertMessage]]:
    if not kind.gathers:
        for row in mine[: outbox.MOST_WAITING]:
            if not _is_pointless(row):
                yield [row]
        return
    now = timezone.now()
    for notice in Notice:
        just_now = AlertMessage.objects.filter(
            channel=channel, kind=notice, sent_at__gt=now - GATHER, sent_at__lte=now
        )
        if not just_now.exists():
            rows = mine.filter(kind=notice)
            if notice == Notice.RESOLVED:  # not before its beginning was told
                rows = rows.exclude(alert__in=mine.filter(kind=Notice.FIRING).values("alert"))
            if chosen := [row for row in rows[:MOST_AT_ONCE] if not _is_pointless(row)]:
                yield chosen


def _is_pointless(row: AlertMessage) -> bool:
    """The end of what this channel was not told of: that was dropped meanwhile."""
    if row.kind != Notice.RESOLVED:
        return False
    told = AlertMessage.objects.filter(channel=row.channel_id, alert=row.alert_id, kind=Notice.FIRING)
    if told.exclude(sent_at=None).exists():
        return False
    outbox.drop(AlertMessage.objects.filter(pk=row.pk), "the channel was not told of its beginning")
    return True


def _send(channel: AlertChannel, kind: Kind, rows: list[AlertMessage]) -> bool:
    """Whether the channel goes on."""
    chosen = AlertMessage.objects.filter(pk__in=[row.pk for row in rows])
    try:
        kind.send(options_of(channel), [Message(str(row.uid), row.kind, row.body) for row in rows])
    except Refused as error:
        outbox.drop(chosen, f"refused: {error}")
        AlertChannel.objects.filter(pk=channel.pk).update(last_error=str(error))
        return True
    except Unavailable as error:
        _failed(channel, str(error))
        return False
    except Exception as error:  # a fault of this kind of channel does not stop the others
        _failed(channel, one_line(f"{type(error).__name__}: {error}"))
        return False
    now = timezone.now()
    chosen.update(sent_at=now)
    AlertChannel.objects.filter(pk=channel.pk).update(
        failures=0, retry_at=None, last_error="", last_sent_at=now
    )
    return True


def _failed(channel: AlertChannel, error: str) -> None:
    channel.refresh_from_db(fields=["failures"])
    if not channel.failures:
        log.warning(
            "Alert channel failed, and is tried again",
            event_name="alert_channel_failed",
            channel=channel.name,
            error=error,
        )
    wait = min(LONGEST_RETRY, timedelta(seconds=FIRST_RETRY_SECONDS * 2 ** min(channel.failures, 16)))
    AlertChannel.objects.filter(pk=channel.pk).update(
        failures=F("failures") + 1,
        last_error=error,
        retry_at=timezone.now() + wait * random.uniform(0.75, 1.0),
    )


_sending = threading.Lock()


def deliver_aside() -> None:
    """In a thread: a receiver that does not answer must not keep a worker from applying changes."""
    if outbox.waiting().exists() and _sending.acquire(blocking=False):
        threading.Thread(target=_deliver_and_end, name="alerts", daemon=True).start()


def _deliver_and_end() -> None:
    try:
        deliver()
    except Exception as error:
        drop_broken_connections(error)
        log.warning("Alerts not sent", event_name="alerts_not_sent", error=f"{type(error).__name__}: {error}")
    finally:
        _sending.release()
        connections.close_all()
