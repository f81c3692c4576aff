"""What a changed rule will do to a collection, by reading alone: each document that is read is judged under the rules as
they are and as they will be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout, OperationFailure

from syncapp.compare.differences import by_key
from syncapp.compare.ranges import Range, all_ranges
from syncapp.compare.rule_fate import Fate, Seen, fates
from syncapp.core.content import decode_for_people, document_key, id_of, ids_filter
from syncapp.core.decide import Case, classify
from syncapp.core.field_paths import values_at
from syncapp.core.match_expressions import read_filter
from syncapp.core.policy import Policy
from syncapp.core.values import BOTH, DocumentKey, Side, SyncState
from syncapp.mongo.read_commands import RAW
from syncapp.store.states import read_states

COUNT_MS = 2_000
Databases = Mapping[Side, Database[Any]]


@dataclass(slots=True)
class Outlook:
    """Of one collection. `read`: documents that were looked at on each side; `whole`: were all?"""

    collection: str
    read: Counter[Side] = field(default_factory=Counter)
    fates: Counter[Fate] = field(default_factory=Counter)
    refused: Counter[Side] = field(default_factory=Counter)  # by the validation of the new rule
    matching: dict[Side, int | None] = field(default_factory=dict)  # the filter; None: counting took too long
    compared: int = 0  # documents, by _id
    whole: bool = True
    problem: str = ""


def look_ahead(databases: Databases, name: str, before: Policy, after: Policy, deadline: float) -> Outlook:
    """Reads until then (by the monotonic clock), at least one range. Raises PyMongoError or SyncError."""
    found = Outlook(name)
    wanted = read_filter(after.rule.filter)
    try:
        found.matching = {side: count_matching(databases[side], name, wanted) for side in BOTH}
        for page in all_ranges(databases[Side.LOCAL], databases[Side.ATLAS], name):
            _judge(databases, page, before, after, wanted, found)
            if time.monotonic() > deadline:
                found.whole = page.next is None
                break
    except OperationFailure as error:
        if not wanted:
            raise
        # An operator of the filter that fails on some document, such as a division by zero
        found.whole, found.problem = (
            False,
            f"The filter fails: {(error.details or {}).get('errmsg') or error}",
        )
    return found


def count_matching(database: Database[Any], name: str, wanted: Mapping[str, Any]) -> int | None:
    """About how many documents if all are wanted. None: it takes too long."""
    try:
        if not wanted:
            return database[name].estimated_document_count(maxTimeMS=COUNT_MS)
        return database[name].count_documents(wanted, maxTimeMS=COUNT_MS)
    except ExecutionTimeout:
        return None


def matching_of(
    database: Database[Any], name: str, documents: Iterable[bytes], wanted: Mapping[str, Any]
) -> set[DocumentKey]:
    """Which of these documents match now, as their server says."""
    ids = [id_of(document) for document in documents]
    if not ids:
        return set()
    query = {"$and": [RawBSONDocument(ids_filter(ids)), wanted]}
    found = database[name].with_options(codec_options=RAW).find(query, {"_id": 1})
    return {document_key(name, id_of(bytes(one.raw))) for one in found}


def _judge(
    databases: Databases,
    page: Range,
    before: Policy,
    after: Policy,
    wanted: Mapping[str, Any],
    found: Outlook,
) -> None:
    name, sides = found.collection, {Side.LOCAL: page.local, Side.ATLAS: page.atlas}
    matching = {
        side: matching_of(databases[side], name, sides[side], wanted) if wanted else None for side in BOTH
    }
    versions = {side: by_key(name, sides[side]) for side in BOTH}
    changed_own = before.rule.own_fields != after.rule.own_fields
    own = {*before.rule.own_fields, *after.rule.own_fields} if changed_own else set()
    states = read_states(databases[Side.LOCAL], list({**versions[Side.LOCAL], **versions[Side.ATLAS]}))
    for key, state in states.items():
        local, atlas = (versions[side].get(key) for side in BOTH)
        here, there = (keys is None or key in keys for keys in matching.values())
        found.compared += 1
        if own and _own_differ(local, atlas, own):
            found.fates[Fate.OWN] += 1
        case = _case(local, atlas, state, before, after)
        seen = Seen(case, local is not None, atlas is not None, here, there)
        found.fates.update(fates(seen, after))
    for side in BOTH:
        found.read[side] += len(sides[side])
        if after.check is not None:
            found.refused[side] += sum(after.check(one) is not None for one in sides[side])


def _case(local: bytes | None, atlas: bytes | None, state: SyncState, before: Policy, after: Policy) -> Case:
    """What has changed, under what the new rule compares; agreed pairs are of what the old one did."""
    old = before.projection.content
    case = classify({Side.LOCAL: old(local), Side.ATLAS: old(atlas)}, state)
    if after.projection.content(local) == after.projection.content(atlas):
        return Case.EQUAL
    # In a field that was each side's own, and is compared now
    return Case.BOTH_CHANGED if case is Case.EQUAL else case


def _own_differ(local: bytes | None, atlas: bytes | None, own: set[str]) -> bool:
    if local is None or atlas is None or local == atlas:
        return False
    one, other = decode_for_people(local), decode_for_people(atlas)
    return any(
        bson.encode({"": values_at(one, path)}) != bson.encode({"": values_at(other, path)}) for path in own
    )
