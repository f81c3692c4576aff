"""What Atlas holds for certain, where no event tells from when on its content is known.

A read with the concern "majority" may show what was, and not what is: a primary that was deposed and has not heard of
it answers, and so does one that was elected just now and does not know yet how far the majority had come. Pushes that
landed are not in it, and their documents look as if somebody had changed them back on Atlas: they would be pulled,
that is deleted or put back, and no event would ever come for them.

A write that a majority confirms can only be made by the real primary, and comes after all that was ever confirmed.

Nor may what Atlas holds go back, as this device has seen it: a task that was given up and is alive, or an event that
is older than a push, would have it read what was. Each state says from when on (`seen_at`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.content import content_hash
from syncapp.core.values import DocumentKey, Side, SyncState, WorkItem
from syncapp.store.batches import new_batch_id
from syncapp.store.names import BATCHES


def read_on_from_now(atlas: Database[Any], origin: str, session: ClientSession) -> None:
    """What this causally consistent session reads from now on holds all that was confirmed before."""
    # As a batch that never was: every stream drops it, and it expires
    batch = {"_id": new_batch_id(), "origin": origin, "at": dt.datetime.now(dt.UTC), "cancelled": True}
    atlas[BATCHES].insert_one(batch, session=session)


def without_events(items: Iterable[WorkItem]) -> bool:
    """Is there one that somebody only asks to look at?"""
    return any(not item.facts for item in items)


def unexplained(
    items: Mapping[DocumentKey, WorkItem],
    documents: Mapping[DocumentKey, bytes],
    states: Mapping[DocumentKey, SyncState],
) -> list[DocumentKey]:
    """Keys of which Atlas does not hold what was agreed on, though no event of Atlas says that it changed."""
    return [
        key
        for key, item in items.items()
        if Side.ATLAS not in item.facts and content_hash(documents.get(key)) != states[key].atlas
    ]
