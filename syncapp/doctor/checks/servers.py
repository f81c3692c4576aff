"""Is each server supported: a replica set, not sharded, not too old?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.doctor.values import NAMES, VARIABLES, Finding, Level, Setup, each_side
from syncapp.mongo import replica_set
from syncapp.mongo.check_server import OLDEST_VERSION


@dataclass(frozen=True, slots=True)
class ServerFacts:
    sharded: bool
    replica_set: str  # its name; empty: a stand-alone server
    version: tuple[int, ...]


def to_do(side: Side, node: replica_set.Node) -> str:
    return "\n".join(replica_set.steps(node, VARIABLES[side], can_fix=side is Side.LOCAL))


def ask(database: Database[Any]) -> ServerFacts:
    hello = database.client.admin.command("hello")
    version = database.client.server_info()["versionArray"][:3]
    return ServerFacts(hello.get("msg") == "isdbgrid", hello.get("setName", ""), tuple(version))


def judge(side: Side, facts: ServerFacts, node: replica_set.Node | None = None) -> Iterator[Finding]:
    """`node`: the server's self-description; None: unknown."""
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
            f"{name} is a stand-alone server: change streams and transactions need a replica set (one node is enough)",
            to_do(side, node)
            if node
            else "Start mongod with --replSet rs0, and run rs.initiate() in mongosh",
        )
    if facts.version[:2] < OLDEST_VERSION:
        yield Finding(Level.FAILED, f"{name} is MongoDB {version}", "Upgrade it to 4.4 or newer")
    else:
        yield Finding(Level.OK, f"{name} is MongoDB {version}")


def look(setup: Setup, side: Side) -> Iterator[Finding]:
    facts = ask(setup.databases[side])
    uri = setup.settings.mongodb_uri if side is Side.LOCAL else setup.settings.mongodb_atlas_uri
    yield from judge(side, facts, None if facts.replica_set else replica_set.ask(uri))


CHECKS = each_side("servers", look, place=10)
