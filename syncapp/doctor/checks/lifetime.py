"""How long a killed worker's transaction can lock documents of the local server."""

from __future__ import annotations

from collections.abc import Iterator

from pymongo.errors import OperationFailure

from syncapp.core.values import Side
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo.error_text import describe
from syncapp.mongo.transaction_lifetime import (
    PARAMETER,
    SECONDS,
    read_transaction_lifetime,
    write_transaction_lifetime,
)

WARNING_SECONDS = 30
BY_HAND = f"in mongosh, as an administrator: db.adminCommand({{setParameter: 1, {PARAMETER}: {SECONDS}}})"


def judge(seconds: int | None) -> Finding:
    """None: the login may not read it."""
    if seconds is None:
        return Finding(
            Level.NOTE,
            f"{PARAMETER} of the local server cannot be read with this login",
            f"MongoDB's own value is 60; to lower it, {BY_HAND}",
        )
    text = f"A killed worker's transaction locks its local documents for {seconds} s at most"
    if seconds > WARNING_SECONDS:
        return Finding(Level.WARNING, f"{text}: applications wait", f"Run sync_doctor --fix; or, {BY_HAND}")
    return Finding(Level.OK, text)


def look(setup: Setup) -> Iterator[Finding]:
    local = setup.databases[Side.LOCAL]
    try:
        seconds = read_transaction_lifetime(local)
    except OperationFailure:
        yield judge(None)
        return
    if setup.fix and seconds > WARNING_SECONDS:
        try:
            write_transaction_lifetime(local)
        except OperationFailure as error:
            yield Finding(
                Level.WARNING, f"{PARAMETER} could not be lowered: {describe(error)}", f"By hand: {BY_HAND}"
            )
            return
        yield Finding(
            Level.OK,
            f"Fixed: {PARAMETER} of the local server lowered from {seconds} to {SECONDS} (until it restarts)",
        )
        return
    yield judge(seconds)


CHECKS = (Check("lifetime", look, (Side.LOCAL,), place=16),)
