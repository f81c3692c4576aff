"""Drops, renames and dropDatabase: events that name no document, and after which documents are gone without
an event of their own. They are never carried to the other side: an operator is asked, if there is anything
on the other side that they would concern."""

from __future__ import annotations

from typing import Any

import structlog
from pymongo.database import Database

from syncapp.bulk import runs
from syncapp.engine.values import Side
from syncapp.rules.exclusions import is_reserved
from syncapp.safety.halts import HALTS, Halt, Kind, load_halts, raise_halt

log = structlog.get_logger(__name__)
WORDS = {"drop": "was dropped", "rename": "was renamed", "dropDatabase": "went with its database"}


def ask(
    databases: dict[Side, Database[Any]], side: Side, operation: str, collection: str, renamed_to: str = ""
) -> tuple[Halt, ...] | None:
    """Raise a halt if one is needed. Returns all halts then, else None. Raises PyMongoError."""
    if operation == "dropDatabase" and side is Side.LOCAL:
        # What sync knew went with it: this is a new, empty device now, whose documents come from Atlas
        databases[side][HALTS].delete_many({"kind": Kind.STRUCTURAL.value, "side": side.value})
        return load_halts(databases[side])
    if operation not in WORDS or not collection or is_reserved(collection):
        return None
    local, other = databases[Side.LOCAL], databases[side.other]
    raised = False
    for name in dict.fromkeys([collection, renamed_to]):
        # $out renames a new collection over an old one: then it is the old one's documents that are gone
        if name and other[name].find_one({}, {"_id": 1}) is not None:
            raised |= _raise(local, other, side, operation, name, renamed_to if name == collection else "")
    if not raised and renamed_to and not is_reserved(renamed_to):
        runs.request(
            local,
            kind=runs.Kind.RESYNC,
            why=f"{collection} was renamed to {renamed_to}",
            collections=[renamed_to],
        )
    return load_halts(local) if raised else None


def _raise(
    local: Database[Any], other: Database[Any], side: Side, operation: str, name: str, renamed_to: str
) -> bool:
    left = other[name].estimated_document_count()
    place = "the local database" if side is Side.LOCAL else "Atlas"
    to = f" to {renamed_to}" if renamed_to else ""
    detail = f"{name} {WORDS[operation]}{to} on {place}; the other side holds {left:,} documents of it"
    preview = {"documents": left, "operation": operation, "renamedTo": renamed_to}
    raised = raise_halt(local, Kind.STRUCTURAL, detail, side=side, collection=name, preview=preview)
    if raised:
        log.error("Sync is halted for a collection", event_name="halted", collection=name, side=str(side))
    return raised
