"""Rejected changes as rows in Django: durable, so that the watermark may pass them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F

from syncapp.conflicts.copying import extended_id, extended_json
from syncapp.engine.content import key_hash
from syncapp.engine.values import Outcome, Side
from syncapp.models import RejectedChange
from syncapp.models.choices import Direction

_HELD = "is held by another document"  # as engine/refusals.py says it


@transaction.atomic
def record_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """One row a document; a document that is rejected again raises its attempts. Raises DatabaseError."""
    for outcome in outcomes:
        values = _values(outcome)
        RejectedChange.objects.update_or_create(
            instance_id=device,
            key_hash=key_hash(outcome.key).hex(),
            defaults={**values, "attempts": F("attempts") + 1},
            create_defaults=values,
        )


def clear_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """These documents went through, or nothing is to be done about them any more: their rows are gone."""
    # A delete that finds nothing would still take SQLite's one lock for writing
    here = RejectedChange.objects.filter(instance_id=device)
    hashes = [key_hash(outcome.key).hex() for outcome in outcomes]
    found = list(here.filter(key_hash__in=hashes).values_list("pk", flat=True))
    if found:
        RejectedChange.objects.filter(pk__in=found).delete()


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
        "reason": reason.replace("\0", "\\0"),  # PostgreSQL takes no text with a zero
        "code": outcome.code,
        "document": extended_json(outcome.document),
        "document_raw": outcome.document,
        "other_id": other,
        "other_document": extended_json(outcome.other_document),
    }
