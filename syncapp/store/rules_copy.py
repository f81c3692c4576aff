"""The copy of the rules that Django's database holds, in the local `_sync_metadata`: {_id: "rules", version, enabled,
paused, strategy, patterns, validation, environment: what it said at the last start}. Written by listener and workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from syncapp.store.names import METADATA, RULES


def save(local: Database[Any], copy: Mapping[str, Any]) -> None:
    """Raises PyMongoError."""
    local[METADATA].replace_one({"_id": RULES}, copy, upsert=True)


def load(local: Database[Any]) -> dict[str, Any] | None:
    """None: there is none yet. Raises PyMongoError."""
    return local[METADATA].find_one({"_id": RULES})
