"""What could not be written while Django's database was down, written by the listener afterwards; and its
records of collections whose documents were removed without events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.values import DocumentKey
from syncapp.mirror.conflicts import copy_conflicts
from syncapp.mirror.rejected import record_rejections
from syncapp.mirror.waiting import waiting
from syncapp.models import RejectedChange
from syncapp.store import rejected as pending
from syncapp.store.dirty import mark_dirty

log = structlog.get_logger(__name__)
WHY, EMPTIED = "Django's database is back", "the collection was dropped or renamed"
PAGE = 500


def catch_up(local: Database[Any], device: str) -> None:
    """Raises DatabaseError or PyMongoError: then it is repeated later."""
    while rejected := pending.load(local):
        record_rejections(device, rejected)
        # The documents may have changed since then: process them again
        mark_dirty(local, [one.key for one in rejected], WHY)
        pending.forget(local, rejected)
        log.info("Deferred rejected changes recorded", event_name="rejected_late", count=len(rejected))
    mark = pending.behind(local)
    if mark:
        count = sum(mark_dirty(local, page, WHY) for page in _pages(_kept(device)))
        copied = copy_conflicts(local, device)
        pending.caught_up(local, mark)
        log.info(WHY, event_name="caught_up", looked_at_again=count, conflicts_copied=copied)
    if names := pending.emptied(local):
        for page in _pages(_kept(device, collection__in=names)):
            mark_dirty(local, page, EMPTIED)
        pending.looked_at(local, names)


def _kept(device: str, **fields: Any) -> Iterator[DocumentKey]:
    """Documents recorded as rejected or as open conflicts: some may be resolved by now."""
    for rows in (RejectedChange.objects.order_by("pk"), waiting().order_by("pk")):
        found = rows.filter(instance_id=device, **fields).values_list("collection", "document_id_raw")
        for collection, id_bson in found.iterator(PAGE):
            yield document_key(collection, bytes(id_bson))


def _pages(keys: Iterable[DocumentKey]) -> Iterator[list[DocumentKey]]:
    page: list[DocumentKey] = []
    for key in keys:
        page.append(key)
        if len(page) == PAGE:
            yield page
            page = []
    yield page
