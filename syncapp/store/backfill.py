"""What still has to be compared (backfill): pulls that were not allowed when their changes were read, and the
exclusions that were last applied. In the local `_sync_metadata`: {_id: "owed", at}, {_id: "exclusions", patterns}; the listener writes them."""

from __future__ import annotations

from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.exclusions import Exclusions
from syncapp.store.names import EXCLUSIONS, METADATA, OWED


def note_backfill(local: Database[Any]) -> None:
    """Request a backfill, made when pulls are allowed: no stream will deliver this one again."""
    local[METADATA].update_one({"_id": OWED}, {"$currentDate": {"at": True}}, upsert=True)


def needs_backfill(local: Database[Any]) -> bool:
    """Is a backfill requested? Raises PyMongoError."""
    return local[METADATA].find_one({"_id": OWED}) is not None


def forget_backfill(local: Database[Any], session: ClientSession) -> None:
    local[METADATA].delete_one({"_id": OWED}, session=session)


def keep_exclusions(
    local: Database[Any], exclusions: Exclusions, session: ClientSession | None = None
) -> None:
    """The applied exclusions: a later change of them, even while sync is stopped, leads to a comparison."""
    local[METADATA].replace_one(
        {"_id": EXCLUSIONS}, {"patterns": sorted(exclusions.patterns)}, upsert=True, session=session
    )


def kept_exclusions(local: Database[Any]) -> Exclusions | None:
    """The exclusions that were last applied; None: none yet. Raises PyMongoError."""
    kept = local[METADATA].find_one({"_id": EXCLUSIONS})
    return Exclusions.of(kept["patterns"]) if kept else None
