"""What a changed rule will do to a collection, by reading alone: each document that is read is judged under the rules as
they are and as they will be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import bson
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout, OperationFailure

from syncapp.compare.differences import by_key
from syncapp.compare.ranges import Range, all_ranges
from syncapp.compare.rule_fate import Fate, Seen, fates
from syncapp.core.content import decode_for_people
from syncapp.core.decide import Case, classify
from syncapp.core.rule.match_expressions import read_filter
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.sight import Seen as Sighted
from syncapp.core.rule.sight import Sight
from syncapp.core.values import BOTH, DocumentKey, Side
from syncapp.mongo.matching import matching
from syncapp.mongo.transaction import session_of
from syncapp.store.projections import load_projection
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
            _judge(databases, page, before, after, found)
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


def _judge(databases: Databases, page: Range, before: Policy, after: Policy, found: Outlook) -> None:
    name, sides = found.collection, {Side.LOCAL: page.local, Side.ATLAS: page.atlas}
    versions = {side: by_key(name, sides[side]) for side in BOTH}
    matches = {side: _matching(databases[side], name, versions[side], after) for side in BOTH}
    sight = Sight(before, partial(load_projection, databases[Side.LOCAL]))
    changed_own = before.rule.own_fields != after.rule.own_fields
    own = {*before.rule.own_fields, *after.rule.own_fields} if changed_own else set()
    states = read_states(databases[Side.LOCAL], list({**versions[Side.LOCAL], **versions[Side.ATLAS]}))
    for key, state in states.items():
        local, atlas = (versions[side].get(key) for side in BOTH)
        here, there = (key in keys for keys in matches.values())
        found.compared += 1
        if own and _own_differ(local, atlas, own):
            found.fates[Fate.OWN] += 1
        case = _case(sight.of(state, {Side.LOCAL: local, Side.ATLAS: atlas}), local, atlas, after)
        seen = Seen(case, local is not None, atlas is not None, here, there)
        found.fates.update(fates(seen, after))
    for side in BOTH:
        found.read[side] += len(sides[side])
        if after.check is not None:
            found.refused[side] += sum(after.check(one) is not None for one in sides[side])


def _matching(
    database: Database[Any], name: str, versions: Mapping[DocumentKey, bytes], policy: Policy
) -> Collection[DocumentKey]:
    """Those that match the rule's filter, as their server says."""
    if not policy.rule.filter:
        return versions.keys()
    with session_of(database) as session:
        return matching(database, name, versions, policy.rule.filter, session)


def _case(seen: Sighted, local: bytes | None, atlas: bytes | None, after: Policy) -> Case:
    """What has changed, under what the new rule compares; `seen` is under what the old one does."""
    if after.projection.content(local) == after.projection.content(atlas):
        return Case.EQUAL
    case = classify(seen.contents, seen.state)
    # In a field that was each side's own, and is compared now
    return Case.BOTH_CHANGED if case is Case.EQUAL else case


def _own_differ(local: bytes | None, atlas: bytes | None, own: set[str]) -> bool:
    if local is None or atlas is None or local == atlas:
        return False
    one, other = decode_for_people(local), decode_for_people(atlas)
    return any(_own_value(one, path) != _own_value(other, path) for path in own)


def _own_value(document: Any, path: str) -> bytes:
    """BSON of what is there: the path of an own field leads through documents, not through arrays."""
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return b""
        document = document[name]
    return bson.encode({"": document})
