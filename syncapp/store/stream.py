"""The pipeline of each side's change stream, and the start point of a new stream."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.core.rule.exclusions import RESERVED, Exclusions
from syncapp.core.values import Side
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.sides import of_side
from syncapp.store.names import BATCHES, DEVICES, DIRTY, HEARTBEAT, METADATA, STATE

_WITH_CONTENT = [BATCHES, DIRTY, METADATA, DEVICES]
_PROJECTION = {
    "operationType": 1,
    "documentKey": 1,
    "clusterTime": 1,
    "wallTime": 1,
    "lsid.id": 1,
    "txnNumber": 1,
    "to": 1,
    "c": {"$ifNull": ["$ns.coll", ""]},
    # Only of the collections of sync itself
    "fullDocument": {"$cond": [{"$in": ["$ns.coll", _WITH_CONTENT]}, "$fullDocument", "$$REMOVE"]},
}


_OF_ANY = ["invalidate", "dropDatabase", "rename"]  # whatever the collection


def _only(patterns: tuple[str, ...], database: str) -> dict[str, Any]:
    """What is wanted of a backlog of which little is. The server looks for names in the oplog's own entries if `ns` is compared as
    a whole, which costs a third of looking at every event; patterns save little."""
    names = [one for one in patterns if not {"*", "?"} & set(one)]
    wanted: list[dict[str, Any]] = [
        {"ns": {"$in": [{"db": database, "coll": name} for name in (*names, BATCHES)]}},
        {"operationType": {"$in": _OF_ANY}},
    ]
    if globs := set(patterns) - set(names):
        name = {"$ifNull": ["$ns.coll", ""]}
        wanted.append({"$expr": {"$regexMatch": {"input": name, "regex": Exclusions.of(globs).regex}}})
    return {"$or": wanted}


def pipeline(
    side: Side,
    exclusions: Exclusions,
    device: str = "",
    first: tuple[str, ...] = (),
    database: str = "",
) -> list[dict[str, Any]]:
    """The filter for a side's events. Events of excluded collections are not fetched from Atlas; local ones are pushed.

    `device`: whose heartbeats are wanted too. `first`: of the users' collections only those with these patterns, in the
    database of this name, and neither heartbeats nor keys to process again.
    """
    own = [BATCHES, DIRTY] if side is Side.LOCAL and not first else [BATCHES]
    users: list[dict[str, Any]] = [{"c": {"$not": {"$regex": RESERVED.pattern}}}]
    if first:
        users.append({"c": {"$regex": Exclusions.of(first).regex}})
    if side is Side.ATLAS and exclusions.patterns:
        users.append({"c": {"$not": {"$regex": exclusions.regex}}})
    wanted: list[dict[str, Any]] = [
        {"c": {"$in": own}, "operationType": {"$in": ["insert", "replace"]}},
        {"$and": users},
        # A rename from an excluded name may target another one: $out ends so
        {"operationType": {"$in": _OF_ANY}},
    ]
    if device and not first:
        name, one = (METADATA, HEARTBEAT) if side is Side.LOCAL else (DEVICES, device)
        beats = {"c": name, "documentKey._id": one, "operationType": {"$in": ["insert", "replace"]}}
        wanted.append(beats)
    # On a computed name, after the projection: the server would rewrite a match on ns.coll into expressions over
    # every oplog entry, which cost three times as much as all the rest. Only the collection that
    # sync writes most justifies a separate stage, with $expr, which is not rewritten
    return [
        {"$match": _only(first, database) if first else {"$expr": {"$ne": ["$ns.coll", STATE]}}},
        {"$project": _PROJECTION},
        {"$match": {"$or": wanted}},
    ]


def current_token(side: Side, database: Database[Any], exclusions: Exclusions) -> dict[str, Any]:
    """A start point: the stream delivers all changes from now on. Raises SyncError or PyMongoError."""
    with of_side(database):
        stream = ChangeStream.open(database, pipeline(side, exclusions), 1, None)
    try:
        return stream.start_token
    finally:
        stream.close()
