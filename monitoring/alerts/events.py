"""Events that an application may want, for channels that ask for them: read from rows that exist, up to a cursor, at
least once. The id of a message follows from what happened, so that what is read twice is sent once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from monitoring.alerts import outbox
from monitoring.health.values import Code, counted
from syncapp.conf.settings import get_settings
from syncapp.models import (
    Alert,
    AlertChannel,
    AlertMessage,
    AlertWatch,
    ComparisonRun,
    Conflict,
    Instance,
    RejectedChange,
)
from syncapp.services.masked import Masks

MOST_AT_ONCE = outbox.MOST_WAITING
# Of rows: a transaction may commit after one with a greater id
OVERLAP, OVERLAP_TIME = 200, timedelta(minutes=10)
NEWEST = 100  # rows of what is rare
BACK = (Code.SILENT, Code.CANNOT_START, Code.STREAM)  # the end of such an alert: the device is back
_SPACE = uuid.UUID("6f3c2c58-55a5-4a30-9a5c-7c6ad2b5ad0e")


@dataclass(frozen=True)
class Event:
    """`key`: of what happened, for ever. `path`: of the page for it."""

    key: str
    at: datetime
    message: str
    path: str
    facts: dict[str, Any]


# What was read, and the cursor from there on; without a cursor nothing that was before counts
Reading = tuple[list[Event], Any]


def _conflicts(cursor: Any) -> Reading:
    def event(row: Conflict) -> Event:
        facts = {"collection": row.collection, "documentId": row.document_id, "winner": row.winner}
        path = f"/admin/syncapp/conflict/{row.pk}/change/"
        return Event(str(row.pk), row.at, f"Conflict recorded in {row.collection}", path, facts)

    fields = ("id", "at", "collection", "document_id", "winner")
    return _by_id(Conflict.objects.only(*fields), "at", event, cursor)


def _rejected(cursor: Any) -> Reading:
    masks = Masks(None)  # whoever is told

    def event(row: RejectedChange) -> Event:
        facts = {"collection": row.collection, "documentId": row.document_id, "direction": row.direction}
        path = f"/admin/syncapp/rejectedchange/{row.pk}/change/"
        text = f"Change of {row.collection} rejected: {masks.reason(row.collection, row.reason)}"
        return Event(str(row.pk), row.first_at, text, path, facts)

    fields = ("id", "first_at", "collection", "document_id", "direction", "reason")
    return _by_id(RejectedChange.objects.only(*fields), "first_at", event, cursor)


def _by_id(rows: QuerySet[Any], at: str, event: Callable[[Any], Event], cursor: Any) -> Reading:
    if cursor is None:
        newest = rows.order_by("-id").values_list("id", flat=True).first() or 0
        return [], {"from": newest, "to": newest}
    late = Q(
        id__gt=max(cursor["from"], cursor["to"] - OVERLAP), **{f"{at}__gt": timezone.now() - OVERLAP_TIME}
    )
    found = list(rows.filter(Q(id__gt=cursor["to"]) | late).order_by("id")[:MOST_AT_ONCE])
    return [event(row) for row in found], {**cursor, "to": max([cursor["to"], *(row.pk for row in found)])}


def _halts(cursor: Any) -> Reading:
    found = [
        Event(
            f"{halt['id']} {halt['at']}",
            parse_datetime(str(halt["at"])) or timezone.now(),
            f"Halted: {halt['detail']}",
            "/admin/syncapp/instance/halts/",
            {"halt": halt["id"], "kind": halt["kind"], "collection": halt["collection"]},
        )
        for halts in Instance.objects.values_list("halts", flat=True)
        for halt in halts
    ]
    return _new(found, cursor)


def _verified(cursor: Any) -> Reading:
    kinds = (ComparisonRun.Kind.VERIFY, ComparisonRun.Kind.REPAIR)
    rows = ComparisonRun.objects.filter(kind__in=kinds, state=ComparisonRun.State.DONE).order_by("-id")
    found = [
        Event(
            row.run_id,
            row.ended_at or row.started_at,
            f"{row.get_kind_display()} done: {row.differing:,} of {counted(row.documents, 'document')} differ",
            f"/admin/syncapp/comparisonrun/{row.pk}/change/",
            {"run": row.run_id, "documents": row.documents, "differing": row.differing},
        )
        for row in rows[:NEWEST]
    ]
    return _new(found, cursor)


def _back(cursor: Any) -> Reading:
    rows = Alert.objects.filter(code__in=BACK, resolved_at__isnull=False).exclude(told="").order_by("-id")
    found = [
        Event(
            str(row.pk),
            row.resolved_at or row.since,
            f"The device is back: {row} is over",
            f"/admin/syncapp/alert/{row.pk}/change/",
            {"alert": row.pk, "awaySince": row.since.isoformat()},
        )
        for row in rows[:NEWEST]
    ]
    return _new(found, cursor)


def _new(found: list[Event], cursor: Any) -> Reading:
    """Those that the last reading did not find."""
    known = None if cursor is None else set(cursor)
    fresh = [one for one in found if known is not None and one.key not in known]
    return fresh[::-1], [one.key for one in found]


KINDS: dict[str, Callable[[Any], Reading]] = {
    "conflict-recorded": _conflicts,
    "change-rejected": _rejected,
    "halted": _halts,
    "verified": _verified,
    "device-back": _back,
}


def collect() -> int:
    """Put what is new into the outbox, for the channels that want it; the number of messages. Raises DatabaseError."""
    channels = [one for one in AlertChannel.objects.filter(enabled=True) if one.events]
    if not channels and not AlertWatch.objects.filter(id=1).exclude(events={}).exists():
        return 0
    with transaction.atomic():
        return _collect_for(channels)


def _collect_for(channels: list[AlertChannel]) -> int:
    watch = AlertWatch.objects.select_for_update().get_or_create(id=1)[0]
    wanted = {kind: [one for one in channels if kind in one.events] for kind in KINDS}
    cursors: dict[str, Any] = {}
    count = 0
    for kind, takers in wanted.items():
        if takers:
            events, cursors[kind] = KINDS[kind](watch.events.get(kind))
            count += sum(_put(channel, kind, events) for channel in takers)
    if cursors != watch.events:
        AlertWatch.objects.filter(id=1).update(events=cursors)
    return count


def _put(channel: AlertChannel, kind: str, events: Iterable[Event]) -> int:
    uids = {uuid.uuid5(_SPACE, f"{channel.pk} {kind} {one.key}"): one for one in events}
    known = set(AlertMessage.objects.filter(uid__in=uids).values_list("uid", flat=True))
    made = [
        AlertMessage(
            uid=uid,
            channel=channel,
            kind=AlertMessage.Kind.EVENT,
            body=_body(kind, one),
            created_at=timezone.now(),
        )
        for uid, one in uids.items()
        if uid not in known
    ]
    AlertMessage.objects.bulk_create(made)
    if made:
        outbox.bound(channel)
    return len(made)


def _body(kind: str, event: Event) -> dict[str, Any]:
    """As a webhook gets it. Without the documents."""
    device = Instance.objects.order_by("-seen_at").values_list("instance_id", flat=True).first()
    return {
        "event": kind,
        "device": device or "",
        "at": event.at.isoformat(),
        "message": event.message,
        "link": f"{get_settings().public_address}{event.path}",
        **event.facts,
    }
