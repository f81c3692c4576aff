"""A real single-node MongoDB replica set in a folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from syncapp.embedded.binaries import find_mongod
from syncapp.embedded.libraries import runnable_here
from syncapp.embedded.server import Server

NOT_YET_INITIALIZED = 94
MONGODB_5 = 13  # its wire protocol
READY_TIMEOUT = 30.0  # seconds


class Mongod(Server):
    """Bound to 127.0.0.1 only. The port may change at each start: the set is reconfigured."""

    name = "mongod"

    def __init__(
        self, folder: Path, port: int | None = None, replica_set: str = "rs0", oplog_mb: int = 990
    ) -> None:
        super().__init__(folder, port)
        self.replica_set = replica_set
        self.oplog_mb = oplog_mb

    def command(self) -> list[str]:
        return mongod_command(self.folder, self.port, self.replica_set, self.oplog_mb)

    def uri(self, database: str = "") -> str:
        return mongod_uri(self.port, database)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        with direct_client(self.port) as client:
            while not make_primary(client, self.port, self.replica_set):
                self.check_alive(deadline)
                time.sleep(0.02)


def mongod_uri(port: int, database: str = "") -> str:
    # A direct connection does not discover the set's members, whose port may be an old one
    return f"mongodb://127.0.0.1:{port}/{database}?directConnection=true"


def mongod_command(folder: Path, port: int, replica_set: str, oplog_mb: int) -> list[str]:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    return [
        *runnable_here(find_mongod(), folder),
        *("--dbpath", str(data)),
        *("--port", str(port)),
        *("--bind_ip", "127.0.0.1"),
        *("--replSet", replica_set),
        *("--oplogSize", str(oplog_mb)),
        *("--wiredTigerCacheSizeGB", "0.25"),
        # 200 MB of preallocated journal files are much for a small disk
        *("--wiredTigerEngineConfigString", "log=(prealloc=false)"),
        # A killed worker's open transaction blocks writes of the application for that long
        *("--setParameter", "transactionLifetimeLimitSeconds=20"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        "--nounixsocket",
        "--quiet",
    ]


def direct_client(port: int, timeout_ms: int = 1_000) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        mongod_uri(port),
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        heartbeatFrequencyMS=500,
    )


def make_primary(client: MongoClient[dict[str, Any]], port: int, replica_set: str) -> bool:
    """One step towards a writable primary: initiate the set, or change its port. True: there is a primary."""
    try:
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary") and hello.get("me") == _member(port):
            if hello["maxWireVersion"] < MONGODB_5:
                # One that is killed before its first checkpoint, a minute later, never starts again (seen with 4.4.2)
                client.admin.command("fsync")
            return True
        _initiate_or_correct(client, port, replica_set)
    except AutoReconnect:  # not listening yet
        pass
    except OperationFailure as error:
        # Another process was faster, or an election is running: retry in the next step
        if error.code not in {23, 91, 94, 103, 109, 10107, 11600, 13435, 13436, 189}:
            raise
    return False


def _initiate_or_correct(client: MongoClient[dict[str, Any]], port: int, replica_set: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        config = {"_id": replica_set, "members": [{"_id": 0, "host": _member(port)}]}
        client.admin.command("replSetInitiate", config)
        return
    if config["members"][0]["host"] != _member(port):
        config["members"] = [{**config["members"][0], "host": _member(port)}]
        config["version"] += 1
        # Forced, since a node that does not find itself in its set is not a primary
        client.admin.command("replSetReconfig", config, force=True)


def _member(port: int) -> str:
    return f"127.0.0.1:{port}"
