"""Unique indexes and validators on one side only: the other side's documents may be refused there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson.json_util import dumps
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.rule.exclusions import is_reserved
from syncapp.core.values import BOTH, Side
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo.listing import list_collections
from syncapp.rules.refusals import is_usable

SECONDS = 8  # time limit: many collections, high latency
WHERE = {Side.LOCAL: "the local side", Side.ATLAS: "Atlas"}
WHAT_COUNTS = ("sparse", "partialFilterExpression", "collation")


@dataclass(frozen=True, slots=True)
class Constraints:
    """A collection's constraints on one side: unique indexes and the validator, each as a text."""

    unique: frozenset[str]
    validator: str = ""


def ask(database: Database[Any], info: Mapping[str, Any]) -> Constraints:
    unique = set()
    for index in database[info["name"]].list_indexes():
        if index.get("unique"):
            more = {name: index[name] for name in WHAT_COUNTS if index.get(name)}
            unique.add(dumps(dict(index["key"])) + (f" {dumps(more)}" if more else ""))
    validator = info.get("options", {}).get("validator")
    return Constraints(frozenset(unique), dumps(validator) if validator else "")


def judge(name: str, both: Mapping[Side, Constraints]) -> Iterator[Finding]:
    for side in BOTH:
        for index in sorted(both[side].unique - both[side.other].unique):
            yield Finding(
                Level.WARNING,
                f"{name}: only {WHERE[side]} has the unique index {index}",
                f"Create it on {WHERE[side.other]} too, or drop it: duplicates would be rejected",
            )
    if both[Side.LOCAL].validator != both[Side.ATLAS].validator:
        yield Finding(
            Level.WARNING,
            f"{name}: the validators of the two sides differ",
            "Make them equal (collMod): documents that only one side accepts would be rejected",
        )


def look(setup: Setup) -> Iterator[Finding]:
    infos = {
        side: {info["name"]: info for info in list_collections(database) if info["type"] == "collection"}
        for side, database in setup.databases.items()
    }
    names = sorted(
        name
        for name in infos[Side.LOCAL].keys() & infos[Side.ATLAS].keys()
        if not is_reserved(name) and is_usable(name)
    )
    deadline = time.monotonic() + SECONDS
    fine = True
    for count, name in enumerate(names):
        if time.monotonic() > deadline:
            yield Finding(Level.NOTE, f"Indexes were compared for only {count} of {len(names)} collections")
            return
        for finding in _compare(setup, name, infos):
            fine = False
            yield finding
    if fine:
        yield Finding(
            Level.OK, f"Unique indexes and validators of both sides agree ({len(names)} collections)"
        )


def _compare(
    setup: Setup, name: str, infos: Mapping[Side, Mapping[str, Mapping[str, Any]]]
) -> Iterable[Finding]:
    try:
        both = {side: ask(setup.databases[side], infos[side][name]) for side in BOTH}
    except OperationFailure:  # it has just been dropped
        return ()
    return judge(name, both)


CHECKS = (Check("differences", look, BOTH, place=19),)
