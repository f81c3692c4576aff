"""Rejected changes as rows in Django: durable, so that the watermark may pass them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F

from syncapp.conflicts.copying import extended_id, extended_json
from syncapp.engine.content import key_hash
from syncapp.engine.values import Outcome, Side
from syncapp.models import RejectedChange
from syncapp.models.choices import Direction


def record_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """One row a document; a document that is rejected again raises its attempts. Raises DatabaseError."""
    for outcome in outcomes:
        key = outcome.key
        values = {
            "collection": key.collection,
            "document_id": extended_id(key.id_bson),
            "document_id_raw": key.id_bson,
            "direction": Direction.ATLAS_TO_LOCAL
            if outcome.transfer is Side.LOCAL
            else Direction.LOCAL_TO_ATLAS,
            "reason": outcome.reason,
            "code": outcome.code,
            "document": extended_json(outcome.document),
            "document_raw": outcome.document,
        }
        row, made = RejectedChange.objects.update_or_create(
            instance_id=device, key_hash=key_hash(key).hex(), defaults=values
        )
        if not made:
            RejectedChange.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)


def clear_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """These documents went through: their rows, if there are any, have done their work."""
    if RejectedChange.objects.filter(instance_id=device).exists():
        hashes = [key_hash(outcome.key).hex() for outcome in outcomes]
        RejectedChange.objects.filter(instance_id=device, key_hash__in=hashes).delete()
