"""Makes a server forget: its oplog is filled until it no longer holds a position."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from syncapp.embedded.mongod import Mongod
from tests.support.eventually import eventually

FILLER = "x" * 250_000


class ForgetfulMongod(Mongod):
    """Its oplog is cut soon: that waits for a checkpoint, which comes once a minute otherwise."""

    def command(self) -> list[str]:
        return [*super().command(), "--syncdelay", "1"]


def position(server: Mongod) -> int:
    """The newest operation's."""
    with MongoClient[dict[str, Any]](server.uri()) as client:
        return _at(client, newest=True)


def roll_over(server: Mongod, past: int, timeout: float = 60) -> None:
    """Write into a database of nobody's until what was written up to `past` is gone from the oplog."""
    with MongoClient[dict[str, Any]](server.uri()) as client:
        filler = client["filler"]["c"]

        def gone() -> bool:
            filler.insert_many([{"text": FILLER} for _ in range(20)])
            filler.delete_many({})
            return _at(client, newest=False) > past

        eventually(gone, f"the oplog of {server.replica_set} begins after {past}", timeout, every=0.2)


def wait_for_fetches(server: Mongod, database: str) -> None:
    """Until no change stream of this database waits for events: what a frozen reader asked for is answered, and its
    cursors have come no further than this."""
    names = [f"{database}.$cmd.aggregate", f"{database}.$cmd"]  # the second one on MongoDB 4.4
    fetches = {"op": "getmore", "ns": {"$in": names}}
    with MongoClient[dict[str, Any]](server.uri()) as client:

        def answered() -> bool:
            return not list(client.admin.aggregate([{"$currentOp": {}}, {"$match": fetches}]))

        eventually(answered, f"{server.replica_set} has answered every fetch")


def _at(client: MongoClient[dict[str, Any]], *, newest: bool) -> int:
    entry = client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", -1 if newest else 1)])
    assert entry is not None
    return int(entry["ts"].time) << 32 | int(entry["ts"].inc)
