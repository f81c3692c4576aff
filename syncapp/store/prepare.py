"""Creates what sync keeps in both databases."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.mongo.documents import ensure_collection
from syncapp.mongo.sides import of_side
from syncapp.mongo.transaction_lifetime import lower_transaction_lifetime
from syncapp.store import bases, batches, conflicts, dirty, runs, states
from syncapp.store.format import note_format
from syncapp.store.names import BASES, BATCHES, CONFLICTS, DIRTY, METADATA, RUNS, STATE


def prepare(local: Database[Any], atlas: Database[Any], keep_hours: int) -> None:
    """Create sync's own collections and indexes. Raises PyMongoError."""
    own = (METADATA, BASES, BATCHES, STATE, CONFLICTS, DIRTY, RUNS)
    with of_side(local):
        for name in own:
            ensure_collection(local, name)
        note_format(local)
        bases.ensure_indexes(local)
        batches.ensure_indexes(local, keep_hours)
        states.ensure_indexes(local)
        conflicts.ensure_indexes(local)
        dirty.ensure_indexes(local)
        runs.ensure_indexes(local)
        lower_transaction_lifetime(local)
    with of_side(atlas):
        ensure_collection(atlas, BATCHES)
        batches.ensure_indexes(atlas, keep_hours)
