"""A MongoDB replica set of several members, as Atlas is one: elections happen, and members can be frozen."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from syncapp.embedded.mongod import READY_TIMEOUT, direct_client, mongod_command, mongod_uri
from syncapp.embedded.server import Server
from tests.support.eventually import eventually

ELECTION_TIMEOUT_MS = 1_500
HEARTBEAT_MS = 300


class Member(Server):
    """One mongod of the set. It is ready when it answers."""

    name = "mongod"

    def __init__(self, folder: Path, replica_set: str) -> None:
        super().__init__(folder)
        self.replica_set = replica_set

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def uri(self, database: str = "") -> str:
        return mongod_uri(self.port, database)

    def command(self) -> list[str]:
        return mongod_command(self.folder, self.port, self.replica_set, 200)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not self.hello():
            self.check_alive(deadline)
            time.sleep(0.02)

    def hello(self) -> dict[str, Any]:
        """What it says of itself; empty if it does not answer."""
        with direct_client(self.port, timeout_ms=500) as client:
            try:
                return dict(client.admin.command("hello"))
            except PyMongoError:
                return {}

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class ReplicaSet:
    def __init__(self, folder: Path, name: str = "atlas", count: int = 3) -> None:
        self.name = name
        self.members = [Member(folder / f"member{number}", name) for number in range(count)]

    def start(self) -> None:
        for member in self.members:
            member.start()
        config = {
            "_id": self.name,
            "members": [{"_id": number, "host": one.host} for number, one in enumerate(self.members)],
            "settings": {
                "electionTimeoutMillis": ELECTION_TIMEOUT_MS,
                "heartbeatIntervalMillis": HEARTBEAT_MS,
            },
        }
        with direct_client(self.members[0].port, timeout_ms=10_000) as client:
            client.admin.command("replSetInitiate", config)
        eventually(self.primary, "a primary is elected", timeout=30, every=0.1)
        eventually(self.all_ready, "all members are in the set", timeout=30, every=0.1)

    def kill(self) -> None:
        for member in self.members:
            member.kill()

    def uri(self, database: str = "") -> str:
        hosts = ",".join(member.host for member in self.members)
        return f"mongodb://{hosts}/{database}?replicaSet={self.name}"

    def primary(self, without: Member | None = None) -> Member | None:
        """The member that can be written to; None: there is none now."""
        for member in self.members:
            if member is not without and member.running and member.hello().get("isWritablePrimary"):
                return member
        return None

    def all_ready(self) -> bool:
        states = [member.hello() for member in self.members]
        return all(one.get("isWritablePrimary") or one.get("secondary") for one in states)

    def step_down(self) -> None:
        """The primary hands over to another one."""
        before = self.primary()
        assert before is not None
        with MongoClient[dict[str, Any]](before.uri()) as client:
            try:
                client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=3, force=True)
            except (AutoReconnect, OperationFailure):
                pass  # it may close the connection; whether it stepped down is seen below
        eventually(lambda: self.primary(without=before), "another primary", timeout=30, every=0.1)
