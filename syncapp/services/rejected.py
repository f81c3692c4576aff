"""Rejected changes: retry or discard one, many, or all that match a filter.

Command, API, admin and beat call it. Actions are in the audit log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from syncapp.core.content import document_key
from syncapp.core.text.plain_ids import shorter
from syncapp.core.text.typed_ids import id_to_type
from syncapp.models import RejectedChange
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import local_database
from syncapp.services.errors import NotPossible, Overtaken
from syncapp.services.masked import Masks
from syncapp.store.dirty import mark_dirty
from syncapp.store.instance import instance_id

PAGE = 500  # ids of documents in memory at a time
NAMED = 10  # documents named in an audit log entry
SWEEP = 1_000  # documents per periodic retry, at most
FIRST = dt.timedelta(minutes=10)
LONGEST = dt.timedelta(days=1)
# Both hold a document of up to 16 MB
BODIES = ("document", "document_raw", "other_document")


def chosen(
    ids: Iterable[int] | None = None, reason: str = "", masks: Masks | None = None, **fields: Any
) -> QuerySet[RejectedChange]:
    """The rows that match all of this. `reason`: a part of it, as it is shown under `masks`; `fields`: collection, direction,
    code, document_id__icontains."""
    found = RejectedChange.objects.defer(*BODIES).filter(**fields)
    if ids is not None:
        found = found.filter(pk__in=list(ids))
    if not reason:
        return found
    return masks.searched(found, reason) if masks else found.filter(reason__icontains=reason)


def retry(rows: QuerySet[RejectedChange], user: Actor = None) -> int:
    """Queue these documents for the listener, as if they had just changed. Returns how many.

    A row is removed when its document was accepted, or needs no transfer any more. Raises Overtaken,
    NotPossible or Unreachable.
    """
    summary = _named(rows)
    count = _mark(rows, "rejected change: manual retry")
    if not count:
        raise NotPossible("These changes belong to another device: retry them there")
    audit(user, "retry rejected changes", summary, after={"retried": count})
    return count


@transaction.atomic
def discard(rows: QuerySet[RejectedChange], user: Actor = None) -> int:
    """Forget these rows; the documents stay as they are on both sides. Returns how many. Raises
    Overtaken."""
    # Only rows named in the audit log: one that is added in between is not discarded silently
    ids = list(rows.values_list("pk", flat=True))
    summary = _named(rows)
    count = 0
    for start in range(0, len(ids), PAGE):
        deleted, _ = RejectedChange.objects.filter(pk__in=ids[start : start + PAGE]).delete()
        count += deleted
    audit(user, "discard rejected changes", summary, before={"discarded": count})
    return count


def sweep(now: dt.datetime | None = None) -> int:
    """For beat: retry what is due. Returns how many. Raises Unreachable."""
    ids = list(RejectedChange.objects.filter(due(now or timezone.now())).order_by("last_at")
               .values_list("pk", flat=True)[:SWEEP])  # fmt: skip
    return _mark(chosen(ids), "rejected change: periodic retry") if ids else 0


def due(now: dt.datetime) -> Q:
    """Rows that were last refused, and last tried again, long enough ago: ten minutes after the first
    attempt, then twice as long each time, and a day at most."""
    found, attempts, distance = Q(pk__in=[]), 1, FIRST
    while distance < LONGEST:
        found |= Q(attempts=attempts) & _before(now - distance)
        attempts, distance = attempts + 1, distance * 2
    return found | Q(attempts__gte=attempts) & _before(now - LONGEST)


def _before(moment: dt.datetime) -> Q:
    return Q(last_at__lte=moment) & (Q(retried_at=None) | Q(retried_at__lte=moment))


def _mark(rows: QuerySet[RejectedChange], why: str) -> int:
    with local_database("rejected changes") as local:
        device = instance_id(local)
        ids = list(rows.filter(instance_id=device).values_list("pk", flat=True))
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            keys = RejectedChange.objects.filter(pk__in=page).values_list("collection", "document_id_raw")
            mark_dirty(local, [document_key(name, bytes(raw)) for name, raw in keys], why)
            # Marked second: after a crash in between it is processed once more
            RejectedChange.objects.filter(pk__in=page).update(retried_at=timezone.now())
    return len(ids)


def _named(rows: QuerySet[RejectedChange]) -> str:
    """For the audit log. Raises Overtaken."""
    first = list(rows[: NAMED + 1])
    if not first:
        raise Overtaken("No rejected change matches: it may have been accepted or discarded meanwhile")
    lines = [f"{row.collection} {shorter(id_to_type(row.document_id), 200)}" for row in first[:NAMED]]
    more = rows.count() - NAMED
    return ", ".join(lines) + (f" and {more} more" if more > 0 else "")
