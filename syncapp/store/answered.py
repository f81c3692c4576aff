"""Up to where an operator's answers reach: deletes and drops before an answer belong to it, even if a
stream delivers them afterwards (a restore while sync was stopped, a backlog), and cause no further halt.

In the local `_sync_metadata`: {_id: "answered:<side>:<collection>", side, c, to: position}.
The listener writes them when it carries an answer out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.mongo.majority import newest_position
from syncapp.store.names import ANSWERED, METADATA

ALL = ""  # every collection
Answered = dict[tuple[Side, str], int]


def load_answered(local: Database[Any]) -> Answered:
    """(side, collection) → the position up to which it is answered. Raises PyMongoError."""
    found = local[METADATA].find({"_id": {"$regex": f"^{ANSWERED}:"}})
    return {(Side(one["side"]), one["c"]): int(one["to"]) for one in found}


def is_answered(answered: Answered, side: Side, collection: str, position: int) -> bool:
    return position <= max(answered.get((side, name), -1) for name in (collection, ALL))


def reach(database: Database[Any], answered_at: dt.datetime | None) -> int:
    """The position up to which an answer of that time reaches: the start of its second, since later events in it
    may not have been known to the operator. Raises PyMongoError."""
    position = newest_position(database)
    return position if answered_at is None else min(position, int(answered_at.timestamp()) << 32)


def note_answered(
    local: Database[Any],
    side: Side,
    collections: Iterable[str],
    position: int,
    session: ClientSession | None = None,
) -> None:
    for name in collections:
        local[METADATA].update_one(
            {"_id": f"{ANSWERED}:{side}:{name}"},
            {"$max": {"to": Int64(position)}, "$setOnInsert": {"side": side.value, "c": name}},
            upsert=True,
            session=session,
        )
