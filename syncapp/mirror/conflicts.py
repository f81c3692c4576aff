"""Copies conflict records from the local MongoDB to Django: right after the decision, or, after a worker's
crash, by beat. Idempotent."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database

from syncapp.core.text.extended_json import extended_id, extended_json
from syncapp.core.values import Side
from syncapp.models import Conflict
from syncapp.store import conflicts as conflict_records
from syncapp.store.conflicts import ConflictRecord


def copy_conflicts(local: Database[Any], device: str) -> int:
    """Copy the remaining records. Returns how many. Raises PyMongoError or DatabaseError."""
    count = 0
    while copied := copy_some(local, device):
        count += copied
    return count


def copy_some(local: Database[Any], device: str) -> int:
    """At most the next hundred. Returns how many. Raises PyMongoError or DatabaseError."""
    records = conflict_records.read_uncopied(local)
    if records:
        _copy(records, device)
        conflict_records.mark_copied(local, [record.record_id for record in records])
    return len(records)


def _copy(records: list[ConflictRecord], device: str) -> None:
    rows = {record.record_id: _row(record, device) for record in records}
    latest = {(row.collection, row.document_id): row for row in rows.values() if row.one_way}
    for row in latest.values():
        # Of the versions overwritten by one-way sync, the latest per document is kept
        Conflict.objects.filter(
            one_way=True, instance_id=device, collection=row.collection, document_id=row.document_id
        ).exclude(record_id=row.record_id).delete()
    kept = [row for row in rows.values() if not row.one_way or latest[row.collection, row.document_id] is row]
    Conflict.objects.bulk_create(kept, ignore_conflicts=True)  # another worker may copy them too


def _row(record: ConflictRecord, device: str) -> Conflict:
    (local_time, local_origin), (atlas_time, atlas_origin) = (record.facts[side] for side in Side)
    return Conflict(
        record_id=record.record_id,
        instance_id=device,
        collection=record.collection,
        document_id=extended_id(record.id_bson),
        document_id_raw=record.id_bson,
        at=record.at,
        strategy=record.strategy,
        because=record.because,
        winner=record.winner.value if record.winner else Conflict.Winner.OPEN,
        one_way=record.one_way,
        merged=record.merged,
        fields=list(record.fields),
        local_time=_moment(local_time),
        atlas_time=_moment(atlas_time),
        local_origin=local_origin,
        atlas_origin=atlas_origin,
        local_document=extended_json(record.versions[Side.LOCAL]),
        atlas_document=extended_json(record.versions[Side.ATLAS]),
        local_raw=record.versions[Side.LOCAL],
        atlas_raw=record.versions[Side.ATLAS],
        base_document=extended_json(record.base),
        base_raw=record.base,
    )


def _moment(milliseconds: int | None) -> dt.datetime | None:
    return None if milliseconds is None else dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
