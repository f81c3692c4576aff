"""How far a server has got, and a majority of its replica set."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database

from syncapp.mongo.read_commands import RAW


def majority_time(database: Database[Any]) -> dt.datetime:
    """The time, by the server's clock, of the newest write that a majority has confirmed: whoever reads with the concern
    *majority* afterwards sees everything up to it. On an idle server it is ten seconds old at most. Raises PyMongoError.
    """
    hello = database.client.admin.command("hello")
    found: dt.datetime = hello.get("lastWrite", {}).get("majorityWriteDate") or hello["localTime"]
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def majority_position(database: Database[Any]) -> int:
    """The position in the oplog of the newest write that a majority has confirmed: a lower bound of what whoever reads with
    the concern *majority* afterwards sees. Raises PyMongoError."""
    at = database.client.admin.command("hello")["lastWrite"]["majorityOpTime"]["ts"]
    return int(at.time << 32 | at.inc)


def newest_position(database: Database[Any]) -> int:
    """The position in the oplog of the newest write: an upper bound of what whoever has read before has seen. A mongos says it,
    too. Raises PyMongoError."""
    now = database.command("ping", codec_options=RAW)["operationTime"]
    return int(now.time << 32 | now.inc)
