"""Reads Atlas's current content reliably where no event gives its position.

A read with the concern "majority" may return stale data: a deposed primary that does not know it yet still answers,
and so does a newly elected one that does not know the majority commit point yet. Applied pushes are missing there, and
their documents look as if they had been reverted on Atlas: they would be pulled,
that is deleted or reverted, and no event would ever follow.

A majority-acknowledged write can only be made by the current primary, and follows all earlier acknowledged writes.

Nor may this device's view of Atlas go back: a superseded task that still runs, or an event
older than a push, would read old data. Each state has the minimum position (`seen_at`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.values import DocumentKey, Side, SyncState, WorkItem
from syncapp.store.batches import insert_cancelled, new_batch_id


def read_on_from_now(atlas: Database[Any], origin: str, session: ClientSession) -> None:
    """Later reads of this causally consistent session include all writes acknowledged before."""
    insert_cancelled(atlas, new_batch_id(), origin, session)  # every stream drops it, and it expires


def without_events(items: Iterable[WorkItem]) -> bool:
    """Is there one without an event, queued only for a check?"""
    return any(not item.facts for item in items)


def unexplained(
    items: Mapping[DocumentKey, WorkItem],
    documents: Mapping[DocumentKey, bytes],
    states: Mapping[DocumentKey, SyncState],
    content: Callable[[bytes | None], bytes],
) -> set[DocumentKey]:
    """Keys whose content on Atlas is not the agreed one, without an event of Atlas."""
    return {
        key
        for key, item in items.items()
        if Side.ATLAS not in item.facts and content(documents.get(key)) != states[key].atlas
    }
