"""The resolution of the times of changes. MongoDB 6 and newer report them in events; before, the oplog has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.values import Side
from syncapp.doctor.values import NAMES, Finding, Level, Setup, each_side

EXACT_SINCE = (6, 0)


def ask(database: Database[Any]) -> tuple[tuple[int, ...], bool]:
    """The server's version, and whether the login may read the oplog."""
    version = tuple(database.client.server_info()["versionArray"][:2])
    if version >= EXACT_SINCE:
        return version, True
    try:
        database.client["local"]["oplog.rs"].find_one({}, {"wall": 1}, sort=[("$natural", -1)])
    except OperationFailure:
        return version, False
    return version, True


def judge(side: Side, version: tuple[int, ...], readable: bool) -> Iterator[Finding]:
    if version >= EXACT_SINCE:
        return
    name = f"{NAMES[side]} is MongoDB {'.'.join(map(str, version))}"
    if readable:
        yield Finding(Level.OK, f"{name}: when a change was made is read from the oplog, to the millisecond")
        return
    yield Finding(
        Level.WARNING,
        f"{name}, and this login may not read the oplog: times are known to the second only, so of two versions made"
        " within one second the older may win (the conflict says so)",
        'Grant read on the database local: db.getSiblingDB("admin").grantRolesToUser("…", [{role: "read", db: "local"}])'
        ", or upgrade to MongoDB 6.0 or newer",
    )


def look(setup: Setup, side: Side) -> Iterator[Finding]:
    yield from judge(side, *ask(setup.databases[side]))


CHECKS = each_side("times", look, place=12)
