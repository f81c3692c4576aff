"""The listeners that stand by, in the local `_sync_metadata`: {_id: "stand-by", listeners: [{process, at}]}. Each writes its own
entry now and then; the active one reads them. `process`: host and process id. Times are the local server's."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.store.names import METADATA, STAND_BY

FRESH_MS = 60_000  # one that has not written for so long is gone


def note_stand_by(local: Database[Any], process: str) -> None:
    """This listener stands by. Raises PyMongoError."""
    others = {
        "$filter": {
            "input": {"$ifNull": ["$listeners", []]},
            "cond": {
                "$and": [
                    {"$ne": ["$$this.process", {"$literal": process}]},
                    {"$gt": ["$$this.at", {"$subtract": ["$$NOW", FRESH_MS]}]},
                ]
            },
        }
    }
    own = [{"process": {"$literal": process}, "at": "$$NOW"}]
    change = {"$set": {"listeners": {"$concatArrays": [others, own]}}}
    local[METADATA].update_one({"_id": STAND_BY}, [change], upsert=True)


def stand_bys(local: Database[Any], active: str = "") -> tuple[str, ...]:
    """The processes that were there a moment ago. `active`: that of the active listener, which stood by before. Raises
    PyMongoError."""
    found = local[METADATA].find_one({"_id": STAND_BY}, {"listeners": 1, "now": "$$NOW"})
    if not found:
        return ()
    fresh = [
        one["process"]
        for one in found.get("listeners", ())
        if (found["now"] - one["at"]).total_seconds() * 1000 < FRESH_MS and one["process"] != active
    ]
    return tuple(sorted(fresh))
