"""Changes brought to the map of dirty keys, as a stream does it."""

from __future__ import annotations

from typing import Any

import bson

from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.content import document_key
from syncapp.core.values import DocumentKey, Fact, Side
from syncapp.listener.queue.dirty_keys import DirtyKeys


def key(identity: Any, collection: str = "orders") -> DocumentKey:
    return document_key(collection, bson.encode({"_id": identity}))


def bring(
    dirty: DirtyKeys,
    side: Side,
    *keys: DocumentKey,
    fact: Fact | None = None,
    token: str = "",
    read_to: int = 0,
) -> None:
    """One batch that changed these keys, and ends at a token."""
    changes: list[Any] = [Change(one, fact) for one in keys]
    dirty.take_in(side, ChangeBatch(changes, {"_data": token}, read_to))
