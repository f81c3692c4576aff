"""Up to where an operator's answers reach: what was deleted or dropped before an answer belongs to it, also where a
stream brings it only afterwards (a restore while sync was stopped, a backlog), and is not asked about again.

In the local `_sync_metadata`, with which they age: {_id: "answered:<side>:<collection>", side, c, to: position}.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.mongo.read_commands import RAW
from syncapp.store.names import METADATA

ALL = ""  # every collection
Answered = dict[tuple[Side, str], int]


def load_answered(local: Database[Any]) -> Answered:
    """(side, collection) → the position up to which it is answered. Raises PyMongoError."""
    found = local[METADATA].find({"_id": {"$regex": "^answered:"}})
    return {(Side(one["side"]), one["c"]): int(one["to"]) for one in found}


def is_answered(answered: Answered, side: Side, collection: str, position: int) -> bool:
    return position <= max(answered.get((side, name), -1) for name in (collection, ALL))


def reach(database: Database[Any], answered_at: dt.datetime | None) -> int:
    """The position up to which an answer of that time reaches: the start of its second, since what came later in it
    may have been meant to be asked about. Raises PyMongoError."""
    now = database.command("ping", codec_options=RAW)["operationTime"]
    position = int(now.time << 32 | now.inc)
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
            {"_id": f"answered:{side}:{name}"},
            {"$max": {"to": Int64(position)}, "$setOnInsert": {"side": side.value, "c": name}},
            upsert=True,
            session=session,
        )
