"""The login's privileges. Each one is actually tried, in a scratch collection that is dropped."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.values import Side
from syncapp.doctor.values import NAMES, VARIABLES, Finding, Level, Setup, each_side
from syncapp.mongo.error_text import describe
from syncapp.mongo.listing import list_collections
from syncapp.mongo.transaction import transaction
from syncapp.store.names import SCRATCH

UNAUTHORIZED = 13
NO_REPLICA_SET = frozenset({20, 40573, 263})  # reported by the check of the server


@dataclass(frozen=True, slots=True)
class Tried:
    forbidden: tuple[str, ...]  # missing privileges
    failed: tuple[str, ...]  # other failures
    user: str  # the authenticated user; empty: none
    in_a_set: bool = True  # False: operations of replica sets could not be tried


def ask(database: Database[Any], scratch: str = "") -> Tried:
    """`scratch`: the name of a collection to try it in. Raises PyMongoError if the server does not answer."""
    scratch = scratch or f"{SCRATCH}{uuid.uuid4().hex[:8]}"
    forbidden, failed, in_a_set = [], [], True
    for name, act in _acts(database, scratch).items():
        try:
            act()
        except OperationFailure as error:
            if error.code == UNAUTHORIZED:
                forbidden.append(name)
            elif error.code in NO_REPLICA_SET:
                in_a_set = False
            else:
                failed.append(f"{name}: {describe(error)}")
    status = database.client.admin.command("connectionStatus")
    users = status["authInfo"]["authenticatedUsers"]
    return Tried(tuple(forbidden), tuple(failed), users[0]["user"] if users else "", in_a_set)


def _acts(database: Database[Any], name: str) -> dict[str, Callable[[], object]]:
    scratch = database[name]

    def write() -> None:
        scratch.insert_one({"_id": 1})
        scratch.update_one({"_id": 1}, {"$set": {"at": 1}})
        scratch.delete_one({"_id": 1})

    def use_transaction() -> None:
        with transaction(database) as session:
            scratch.insert_one({"_id": 2}, session=session)

    def open_stream() -> None:
        with database.watch(max_await_time_ms=1):
            pass

    return {
        "list collections": lambda: list(list_collections(database)),
        "create collections": lambda: database.create_collection(name, check_exists=False),
        "read": scratch.find_one,
        "write": write,
        "create indexes": lambda: scratch.create_index("at", expireAfterSeconds=3600),
        "use transactions": use_transaction,
        "open change streams": open_stream,
        "drop collections": lambda: database.drop_collection(name),
    }


def judge(side: Side, database: str, tried: Tried) -> Iterator[Finding]:
    who = f"the login {tried.user!r}" if tried.user else "without a login you"
    if tried.forbidden:
        yield Finding(
            Level.FAILED,
            f"{NAMES[side]}: {who} may not " + ", ".join(tried.forbidden),
            role_to_grant(side, database, tried.user),
        )
    for one in tried.failed:
        yield Finding(Level.FAILED, f"{NAMES[side]} could not {one}", "See the server's log")
    if not tried.forbidden and not tried.failed:
        acts = (
            "read, write, create, watch, and use transactions" if tried.in_a_set else "read, write and create"
        )
        yield Finding(Level.OK, f"{NAMES[side]} allows us to {acts}")


def role_to_grant(side: Side, database: str, user: str) -> str:
    role = f'[{{role: "readWrite", db: "{database}"}}]'
    if not user:
        return (
            f"Put user and password into {VARIABLES[side]}; an administrator creates one with"
            f' db.getSiblingDB("admin").createUser({{user: "isthmus", pwd: passwordPrompt(), roles: {role}}})'
        )
    grant = f'In mongosh, as an administrator: db.getSiblingDB("admin").grantRolesToUser("{user}", {role})'
    if side is Side.ATLAS:
        grant += f"; in Atlas itself: Database Access, edit the user, add the role readWrite@{database}"
    return grant


def look(setup: Setup, side: Side) -> Iterator[Finding]:
    yield from judge(side, setup.database_name(side), ask(setup.databases[side]))


CHECKS = each_side("privileges", look, place=11)
