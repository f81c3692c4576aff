"""Rejected changes as rows in Django: durable, so that the watermark may pass them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import transaction

from syncapp.conflicts.copying import extended_id, extended_json
from syncapp.engine.content import key_hash
from syncapp.engine.values import Outcome, Side
from syncapp.models import RejectedChange
from syncapp.models.choices import Direction

ROWS = 500  # at once
_HELD = "is held by another document"  # as engine/refusals.py says it


@transaction.atomic
def record_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """One row a document; a document that is rejected again raises its attempts. Raises DatabaseError.

    Thousands can come at once, and nobody else writes to SQLite meanwhile: so they are written in few statements.
    """
    values = {key_hash(outcome.key).hex(): _values(outcome) for outcome in outcomes}
    here = RejectedChange.objects.filter(instance_id=device)
    for hashes in batched(values, ROWS):
        tried = dict(here.filter(key_hash__in=hashes).values_list("key_hash", "attempts"))
        rows = [
            RejectedChange(instance_id=device, key_hash=one, attempts=tried.get(one, 0) + 1, **values[one])
            for one in hashes
        ]
        RejectedChange.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["instance_id", "key_hash"],
            update_fields=[*values[hashes[0]], "attempts", "last_at"],
        )


def clear_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """These documents went through, or nothing is to be done about them any more: their rows are gone."""
    # A delete that finds nothing would still take SQLite's one lock for writing
    here = RejectedChange.objects.filter(instance_id=device)
    hashes = [key_hash(outcome.key).hex() for outcome in outcomes]
    found = list(here.filter(key_hash__in=hashes).values_list("pk", flat=True))
    if found:
        RejectedChange.objects.filter(pk__in=found).delete()


def batched(values: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(values)
    while portion := list(islice(left, size)):
        yield portion


def _values(outcome: Outcome) -> dict[str, Any]:
    key, reason = outcome.key, outcome.reason
    other = extended_id(outcome.other_id) if outcome.other_id else ""
    if other:
        reason = reason.replace(_HELD, f"{_HELD}: _id {other[:200]}")
    return {
        "collection": key.collection,
        "document_id": extended_id(key.id_bson),
        "document_id_raw": key.id_bson,
        "direction": Direction.ATLAS_TO_LOCAL if outcome.transfer is Side.LOCAL else Direction.LOCAL_TO_ATLAS,
        "reason": reason,
        "code": outcome.code,
        "document": extended_json(outcome.document),
        "document_raw": outcome.document,
        "other_id": other,
        "other_document": extended_json(outcome.other_document),
    }
