"""The servers that a benchmark runs on: two MongoDB servers and a broker, in a folder that is removed afterwards."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.support.processes import manage

Document = dict[str, Any]


@dataclass(frozen=True)
class World:
    folder: Path
    local: Mongod
    atlas: Mongod
    broker: Redis
    template: Path  # a SYNC_HOME that was migrated already
    local_client: MongoClient[Document]
    atlas_client: MongoClient[Document]
    numbers: Iterator[int]

    def new_name(self) -> str:
        """Of databases and folders that nobody has used."""
        return f"bench{next(self.numbers)}"

    def drop(self, name: str) -> None:
        self.local_client.drop_database(name)
        self.atlas_client.drop_database(name)

    def pids(self) -> dict[str, list[int]]:
        servers = {"local MongoDB": self.local, "Atlas": self.atlas, "broker": self.broker}
        return {kind: [server.process.pid] for kind, server in servers.items() if server.process}


@contextmanager
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        local = Mongod(folder / "local", replica_set="local")
        atlas = Mongod(folder / "atlas", replica_set="atlas")
        broker = Redis(folder / "redis")
        servers = (local, atlas, broker)
        try:
            for server in servers:
                server.start()
            manage("migrate", "--verbosity", "0", home=folder / "template").check_returncode()
            with MongoClient[Document](local.uri()) as here, MongoClient[Document](atlas.uri()) as there:
                yield World(folder, local, atlas, broker, folder / "template", here, there, itertools.count())
        finally:
            for server in servers:
                server.kill()
