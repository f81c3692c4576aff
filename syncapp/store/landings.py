"""Batches of pushes acknowledged as a whole: one note in the batch's local marker instead of one more write per
document, which would cost the local server more than the document itself costs Atlas.

`landed: <position on Atlas>` in the local `_sync_batches`: every state that still holds this batch's intent counts as
agreed on the intent's content. Such a marker has no `at`, so that it does not expire,
until `fold` has compacted it into the states.
"""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from bson import Int64
from pymongo.database import Database

from syncapp.core.content import key_hash
from syncapp.core.values import ABSENT, DocumentKey
from syncapp.store.names import BATCHES, STATE

FEW = 50  # so few states are written at once: compacting a note later would cost the same
FOLD_AT_ONCE = 1_000  # states
FOLD_PAUSE_SECONDS = 0.1  # between them: live sync has priority
FOLD_MARKERS = 20_000  # whose ids fit into one query


def record_landed(
    local: Database[Any], batch_id: str, keys: Collection[DocumentKey], position: int, whole: bool
) -> None:
    """Agree on what a batch pushed, at or before this position on Atlas. `whole`: there is no other intent of this
    batch."""
    if whole and len(keys) > FEW:
        noted = local[BATCHES].update_one(
            {"_id": batch_id}, {"$set": {"landed": Int64(position)}, "$unset": {"at": ""}}
        )
        if noted.matched_count:
            return
    _agree(local, [key_hash(key) for key in keys], batch_id, position)


def landed_batches(local: Database[Any], batch_ids: Iterable[str]) -> dict[str, int]:
    """The batches with a note that they were acknowledged, and the position of each on Atlas."""
    query = {"_id": {"$in": list(batch_ids)}, "landed": {"$exists": True}}
    # A note of an earlier version is `True`, which counts as the position 1
    return {one["_id"]: int(one["landed"]) for one in local[BATCHES].find(query, {"landed": 1})}


def fold(local: Database[Any], seconds: float, sleep: Callable[[float], None] = time.sleep) -> int:
    """Compact acknowledged pushes into the states, for `seconds` at most; the next call continues. Returns how many.

    Raises PyMongoError.
    """
    deadline = time.monotonic() + seconds
    count = 0
    while noted := _noted(local):
        batch_ids = list(noted)
        found = iter(local[STATE].find({"i.b": {"$in": batch_ids}}, {"i.b": 1}, batch_size=FOLD_AT_ONCE))
        while states := list(itertools.islice(found, FOLD_AT_ONCE)):
            if time.monotonic() > deadline:
                return count
            hashes: dict[str, list[bytes]] = {}
            for one in states:
                hashes.setdefault(one["i"]["b"], []).append(one["_id"])
            for batch_id, of_batch in hashes.items():
                count += _agree(local, of_batch, batch_id, noted[batch_id])
            sleep(FOLD_PAUSE_SECONDS)
        # From now on they may expire; until then they remain valid
        local[BATCHES].update_many({"_id": {"$in": batch_ids}}, {"$set": {"at": dt.datetime.now(dt.UTC)}})
    return count


def _noted(local: Database[Any]) -> dict[str, int]:
    found = local[BATCHES].find({"at": None, "landed": {"$exists": True}}, {"landed": 1}).limit(FOLD_MARKERS)
    return {one["_id"]: int(one["landed"]) for one in found}


def _agree(local: Database[Any], hashes: list[bytes], batch_id: str, position: int) -> int:
    """One conditional update: concurrently decided keys are skipped."""
    gone = {"$cond": [{"$eq": ["$i.h", ABSENT]}, "$$NOW", "$$REMOVE"]}
    change: list[dict[str, Any]] = [
        {
            "$set": {
                "h": "$i.h",
                "n": {"$add": ["$n", 1]},
                "gone": gone,
                "q": {"$max": ["$q", Int64(position)]},
            }
        },
        {"$unset": ["i", "l", "a"]},
    ]
    agreed = local[STATE].update_many({"_id": {"$in": hashes}, "i.b": batch_id}, change)
    return agreed.modified_count
