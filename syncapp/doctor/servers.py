"""Is each server one that sync can work with: a replica set, not sharded, not too old?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.bulk.start import OLDEST_VERSION
from syncapp.doctor.values import NAMES, VARIABLES, Finding, Level, Setup
from syncapp.engine.values import Side

TO_REPLICA_SET = (
    "One node is enough: stop mongod, add `replication: {replSetName: rs0}` to its configuration (or start it"
    " with --replSet rs0), start it, and run rs.initiate() once in mongosh. The data stays. With users, a"
    " replica set needs security.keyFile too. Then add ?replicaSet=rs0 to the URI"
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    sharded: bool
    replica_set: str  # its name; empty: a stand-alone server
    version: tuple[int, ...]


def ask(database: Database[Any]) -> ServerFacts:
    hello = database.client.admin.command("hello")
    version = database.client.server_info()["versionArray"][:3]
    return ServerFacts(hello.get("msg") == "isdbgrid", hello.get("setName", ""), tuple(version))


def judge(side: Side, facts: ServerFacts) -> Iterator[Finding]:
    name, version = NAMES[side], ".".join(map(str, facts.version))
    if facts.sharded:
        yield Finding(
            Level.FAILED,
            f"{name} is a sharded cluster, which cannot be synchronised",
            f"Let {VARIABLES[side]} name a replica set",
        )
    elif facts.replica_set:
        yield Finding(Level.OK, f"{name} is a replica set ({facts.replica_set})")
    else:
        yield Finding(
            Level.FAILED,
            f"{name} is a stand-alone server: change streams and transactions need a replica set",
            TO_REPLICA_SET,
        )
    if facts.version[:2] < OLDEST_VERSION:
        yield Finding(Level.FAILED, f"{name} is MongoDB {version}", "Upgrade it to 4.4 or newer")
    else:
        yield Finding(Level.OK, f"{name} is MongoDB {version}")


def look(setup: Setup, side: Side) -> Iterator[Finding]:
    yield from judge(side, ask(setup.databases[side]))
