"""Collections whose changes were skipped since they could not be synchronised, in the local `_sync_metadata`, until a
run compares them: {_id: "refused", names: […]}. Workers and the listener write it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.store.names import METADATA, REFUSED


def note_refused(local: Database[Any], name: str) -> None:
    """Changes of this collection are skipped from now on. Raises PyMongoError."""
    local[METADATA].update_one({"_id": REFUSED}, {"$addToSet": {"names": name}}, upsert=True)


def refused_names(local: Database[Any]) -> list[str]:
    """Raises PyMongoError."""
    return list((local[METADATA].find_one({"_id": REFUSED}) or {}).get("names", []))


def forget_refused(local: Database[Any], names: Iterable[str], session: ClientSession) -> None:
    """They have been compared, or dropped. Raises PyMongoError."""
    local[METADATA].update_one({"_id": REFUSED}, {"$pullAll": {"names": list(names)}}, session=session)
