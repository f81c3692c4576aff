"""Rejected changes as rows in Django: durable, so that the watermark may pass them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import structlog
from django.db import DataError, transaction

from syncapp.core.content import key_hash
from syncapp.core.text.extended_json import extended_id, extended_json
from syncapp.core.text.plain_ids import shorter
from syncapp.core.text.shown_values import id_in_line
from syncapp.core.values import Outcome, Side
from syncapp.models import RejectedChange
from syncapp.models.choices import Direction

log = structlog.get_logger(__name__)
ROWS = 500  # at once
_HELD = "is held by another document"  # as mongo/refusals.py says it


_BARE: dict[str, Any] = {"document": "", "document_raw": None, "other_id": "", "other_document": ""}
_NOT_HELD = (DataError, ValueError, OverflowError, MemoryError)


@transaction.atomic
def record_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """One row a document; a document that is rejected again raises its attempts. Raises DatabaseError.

    There may be thousands at once, and they block SQLite for others: so they are written in few statements.
    """
    values = {key_hash(outcome.key).hex(): _values(outcome) for outcome in outcomes}
    for hashes in batched(values, ROWS):
        _write(device, {one: values[one] for one in hashes})


def _write(device: str, values: Mapping[str, dict[str, Any]]) -> None:
    """`values`: of each row, by its key's hash."""
    try:
        with transaction.atomic():
            _upsert(device, values)
    except _NOT_HELD as error:
        for one, row in values.items():
            if len(values) > 1:
                _write(device, {one: row})
            else:
                # A value that Django's database cannot store: the document's identity is always kept
                log.warning(
                    "Rejected change recorded without its document",
                    event_name="record_cut",
                    error=str(error)[:300],
                )
                _upsert(device, {one: {**row, **_BARE}})


def _upsert(device: str, values: Mapping[str, dict[str, Any]]) -> None:
    here = RejectedChange.objects.filter(instance_id=device, key_hash__in=list(values))
    tried = dict(here.values_list("key_hash", "attempts"))
    rows = [
        RejectedChange(instance_id=device, key_hash=one, attempts=tried.get(one, 0) + 1, **row)
        for one, row in values.items()
    ]
    RejectedChange.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["instance_id", "key_hash"],
        update_fields=[*next(iter(values.values())), "attempts", "last_at"],
    )


def clear_rejections(device: str, outcomes: Iterable[Outcome]) -> None:
    """Delete the rows of documents that were accepted, or need no transfer any more."""
    # A delete without matches would still take SQLite's write lock
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
    key, reason = outcome.key, _storable(outcome.reason)
    other = _to_read(extended_id, outcome.other_id)
    if other:
        reason = reason.replace(_HELD, f"{_HELD}: _id {shorter(id_in_line(other), 200)}")
    return {
        "collection": key.collection,
        "document_id": _to_read(extended_id, key.id_bson),
        "document_id_raw": key.id_bson,
        "direction": Direction.ATLAS_TO_LOCAL if outcome.transfer is Side.LOCAL else Direction.LOCAL_TO_ATLAS,
        "reason": reason.replace("\0", "\\0"),  # PostgreSQL accepts no NUL in text
        "code": outcome.code,
        "document": _to_read(extended_json, outcome.document),
        "document_raw": outcome.document,
        "other_id": other,
        "other_document": _to_read(extended_json, outcome.other_document),
    }


def _to_read(as_text: Callable[[bytes], str], document: bytes | None) -> str:
    """Empty if absent, or not decodable: the raw document is kept beside it."""
    try:
        return as_text(document) if document else ""
    except Exception as error:  # any: the record must be written
        log.warning("A document cannot be shown", event_name="not_shown", error=str(error)[:300])
        return ""


def _storable(text: str) -> str:
    """PostgreSQL accepts no NUL in text, and no database a lone surrogate."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")
