"""Second checks of the differences that a verify found: a document in flight is not a difference.

A suspect is {c: collection, id: BSON of {_id}, l, a: content hashes, looks, moves, at: milliseconds}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import Compared, compare_keys
from syncapp.core.clock import now_ms
from syncapp.core.content import document_key
from syncapp.core.decide import nothing_travels
from syncapp.core.rule.policy import Policy

LOOK_MS = 3_000  # between two checks
LOOKS = 5  # checks of an unchanged difference while changes are pending
MOVES = 20  # a document that changes on both sides between all checks is being synchronised: no difference


@dataclass(slots=True)
class Looked:
    """The result of the second checks."""

    equal: Counter[str] = field(default_factory=Counter)  # by collection
    as_agreed: int = 0
    confirmed: list[Compared] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)  # to be checked again


def suspect(one: Compared) -> dict[str, Any]:
    return {
        "c": one.key.collection,
        "id": one.key.id_bson,
        "l": one.local,
        "a": one.atlas,
        "looks": 0,
        "moves": 0,
        "at": now_ms(),
    }


def as_the_rules_say(one: Compared, policy: Policy) -> bool:
    """Is the difference due to the rules? Where nothing is pulled, Atlas may differ."""
    return one.agreed or nothing_travels(one.case, policy)


def look_again(
    local: Database[Any],
    atlas: Database[Any],
    suspects: Iterable[Mapping[str, Any]],
    policy_of: Callable[[str], Policy],
    busy: bool,
) -> Looked:
    """`busy`: changes are pending. Raises PyMongoError."""
    found, now = Looked(), now_ms()
    due: dict[str, list[Mapping[str, Any]]] = {}
    for entry in suspects:
        if entry["at"] + LOOK_MS > now:
            found.left.append(dict(entry))
        else:
            due.setdefault(entry["c"], []).append(entry)
    for name, before in due.items():
        keys, policy = {document_key(name, entry["id"]): entry for entry in before}, policy_of(name)
        for one in compare_keys(local, atlas, name, list(keys), policy):
            _judge(found, one, keys[one.key], policy, busy)
    return found


def _judge(found: Looked, one: Compared, before: Mapping[str, Any], policy: Policy, busy: bool) -> None:
    if one.local == one.atlas:
        found.equal[one.key.collection] += 1
    elif as_the_rules_say(one, policy):
        found.as_agreed += 1
    else:
        moved = one.local != before["l"] and one.atlas != before["a"]
        looks, moves = before["looks"] + (not moved), before["moves"] + moved
        still = (one.local, one.atlas) == (before["l"], before["a"])
        if moves >= MOVES:
            found.equal[one.key.collection] += 1
        elif (still and not busy) or looks >= LOOKS:
            found.confirmed.append(one)
        else:
            found.left.append({**suspect(one), "looks": looks, "moves": moves})


def due_in_seconds(suspects: Iterable[Mapping[str, Any]]) -> float:
    """Until the first of them is due."""
    first = min((one["at"] for one in suspects), default=0)
    return max(0.0, (first + LOOK_MS - now_ms()) / 1000)
