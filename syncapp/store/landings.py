"""Pushes that landed as a whole: one note in the batch's local marker instead of one more write a document, which
would cost the local server more than the document itself costs Atlas.

`landed: <position on Atlas>` in the local `_sync_batches`: every state that still holds this batch's intent counts as
agreed on the intent's content. Such a marker has no `at`, so that it does not expire, until `fold` has written it into the states.
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

FEW = 50  # as many states are written at once: a note would have to be folded later, at the same price
FOLD_AT_ONCE = 1_000  # states
FOLD_PAUSE_SECONDS = 0.1  # between them: whoever syncs goes first
FOLD_MARKERS = 20_000  # whose ids fit into one query


def record_landed(
    local: Database[Any], batch_id: str, keys: Collection[DocumentKey], position: int, whole: bool
) -> None:
    """Agree on what a batch pushed, not after this position on Atlas. `whole`: nothing else holds an intent of this
    batch."""
    if whole and len(keys) > FEW:
        noted = local[BATCHES].update_one(
            {"_id": batch_id}, {"$set": {"landed": Int64(position)}, "$unset": {"at": ""}}
        )
        if noted.matched_count:
            return
    _agree(local, [key_hash(key) for key in keys], batch_id, position)


def landed_batches(local: Database[Any], batch_ids: Iterable[str]) -> dict[str, int]:
    """Those of the batches of which a note says that they landed, and the position of each on Atlas."""
    query = {"_id": {"$in": list(batch_ids)}, "landed": {"$exists": True}}
    # A note of an earlier version is `True`, which counts as the position 1
    return {one["_id"]: int(one["landed"]) for one in local[BATCHES].find(query, {"landed": 1})}


def fold(local: Database[Any], seconds: float, sleep: Callable[[float], None] = time.sleep) -> int:
    """Write what landed into the states, for so long at most; the next call goes on. Returns how many states.

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
        # From now on they may expire; as long as they are there they go on saying what is true
        local[BATCHES].update_many({"_id": {"$in": batch_ids}}, {"$set": {"at": dt.datetime.now(dt.UTC)}})
    return count


def _noted(local: Database[Any]) -> dict[str, int]:
    found = local[BATCHES].find({"at": None, "landed": {"$exists": True}}, {"landed": 1}).limit(FOLD_MARKERS)
    return {one["_id"]: int(one["landed"]) for one in found}


def _agree(local: Database[Any], hashes: list[bytes], batch_id: str, position: int) -> int:
    """One conditional update: a key about which somebody else decided meanwhile is left alone."""
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
