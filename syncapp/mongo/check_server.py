"""Checks a server's prerequisites: a replica set's primary, of a supported version."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database
from pymongo.errors import ServerSelectionTimeoutError

from syncapp.core.values import Side
from syncapp.mongo import replica_set
from syncapp.mongo.errors import Misconfigured, NoReplicaSet, TransientError

OLDEST_VERSION = (4, 4)
VARIABLES = {Side.LOCAL: "MONGODB_URI", Side.ATLAS: "MONGODB_ATLAS_URI"}


def check_server(side: Side, database: Database[Any], uri: str) -> None:
    """Raises Misconfigured or TransientError, with a line that says what to do, or PyMongoError."""
    name = VARIABLES[side]
    try:
        hello = database.client.admin.command("hello")
    except ServerSelectionTimeoutError as error:
        # If it is not initiated, or its members' names are unreachable, the driver finds no primary
        if trouble := _explained(side, uri):
            raise NoReplicaSet(trouble) from error
        raise
    if hello.get("msg") == "isdbgrid":
        raise Misconfigured(
            f"{name} names a sharded cluster, which cannot be synchronised; use a replica set"
        )
    if not replica_set.is_set(hello):
        raise NoReplicaSet(_explained(side, uri) or f"{name} names a server that is no replica set")
    if hello.get("secondary"):  # only by a direct connection; the member may become the primary again
        raise TransientError(
            f"{name} leads to a secondary, which accepts no writes: remove directConnection=true, so that the "
            "primary is found"
        )
    version = database.client.server_info()["versionArray"][:2]
    if tuple(version) < OLDEST_VERSION:
        found = ".".join(map(str, version))
        raise Misconfigured(f"{name} names a MongoDB {found}; 4.4 or newer is needed")


def _explained(side: Side, uri: str) -> str:
    node = replica_set.ask(uri)
    return replica_set.explained(node, VARIABLES[side], can_fix=side is Side.LOCAL) if node else ""
