"""What has still to be compared: pulls that were not allowed when their changes came, and what was excluded when sync
looked last. In the local `_sync_metadata`: {_id: "owed", at}, {_id: "exclusions", patterns}; the listener writes them."""

from __future__ import annotations

from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.exclusions import Exclusions
from syncapp.store.names import EXCLUSIONS, METADATA, OWED


def note_owed(local: Database[Any]) -> None:
    """A pull was not allowed, and no stream will bring it again: compare when pulls are allowed."""
    local[METADATA].update_one({"_id": OWED}, {"$currentDate": {"at": True}}, upsert=True)


def is_owed(local: Database[Any]) -> bool:
    """Is there such a note? Raises PyMongoError."""
    return local[METADATA].find_one({"_id": OWED}) is not None


def forget_owed(local: Database[Any], session: ClientSession) -> None:
    local[METADATA].delete_one({"_id": OWED}, session=session)


def keep_exclusions(
    local: Database[Any], exclusions: Exclusions, session: ClientSession | None = None
) -> None:
    """What is excluded from now on: a change of it, even while nobody runs, leads to a comparison."""
    local[METADATA].replace_one(
        {"_id": EXCLUSIONS}, {"patterns": sorted(exclusions.patterns)}, upsert=True, session=session
    )


def kept_exclusions(local: Database[Any]) -> Exclusions | None:
    """What was excluded when sync looked last; None: it never did. Raises PyMongoError."""
    kept = local[METADATA].find_one({"_id": EXCLUSIONS})
    return Exclusions.of(kept["patterns"]) if kept else None
