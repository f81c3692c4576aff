"""Which collections look as if they belonged to one side alone: sessions, logs, queues, caches. Nothing is excluded by
itself: each is proposed with what speaks for it.

A collection whose two sides differ is never proposed: excluded at the first run, its local versions go up and Atlas's
are only kept as conflicts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from syncapp.conf.types import WrongValue, collection_patterns
from syncapp.core.values import Side
from syncapp.store.first_run import Counts

KINDS = {
    "sessions": ("session", "sessions"),
    "logs": ("log", "logs", "logentry", "logentries"),
    "a queue": ("queue", "queues", "outbox", "inbox"),
    "a cache": ("cache", "caches", "cached"),
    "notifications": ("notification", "notifications"),
    "temporary data": ("tmp", "temp", "temporary"),
    "locks": ("lock", "locks", "mutex", "semaphore"),
}
MANY_WRITES, WRITES_PER_DOCUMENT = 1_000, 20
LARGE_BYTES, LARGE_SHARE = 1_000_000_000, 0.25


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """Of one side. `expires_after`: seconds of its TTL index; None: it has none. `writes`: since the server's start."""

    name: str
    documents: int = 0
    data_bytes: int = 0
    writes: int = 0
    expires_after: int | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`why`: what speaks for excluding it. `by_default`: it is excluded unless the operator says otherwise."""

    name: str
    why: tuple[str, ...]
    by_default: bool

    def as_document(self) -> dict[str, Any]:
        return {"collection": self.name, "why": list(self.why), "byDefault": self.by_default}


def judge(facts: Iterable[CollectionFacts], counts: Mapping[str, Counts]) -> list[Suggestion]:
    """`facts`: any number for a name, of either side. `counts`: what both sides hold, where it is known."""
    by_name: dict[str, list[CollectionFacts]] = {}
    for one in facts:
        by_name.setdefault(one.name, []).append(one)
    whole = max(1, sum(max(one.data_bytes for one in several) for several in by_name.values()))
    names = filter(_can_be_excluded, sorted(by_name))
    found = (_judge(name, by_name[name], whole, counts.get(name, Counts())) for name in names)
    return [one for one in found if one]


def _can_be_excluded(name: str) -> bool:
    """A name with a space or a comma cannot stand in the list."""
    try:
        return collection_patterns(name) == (name,)
    except WrongValue:
        return False


def _judge(name: str, facts: list[CollectionFacts], whole: int, counts: Counts) -> Suggestion | None:
    strong = [*_by_name(name), *_by_lifetime(facts)]
    weak = list(_by_churn(facts))
    if not strong and not weak:
        return None
    why = (*strong, *weak, *_by_size(facts, whole))
    if counts.different:
        why += (f"but {counts.different:,} of its documents differ: Atlas's versions would be replaced",)
    return Suggestion(name, why, bool(strong) and not counts.different)


def _by_name(name: str) -> Iterator[str]:
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    for kind, signs in KINDS.items():
        if words.intersection(signs):
            yield f"its name says {kind}"


def _by_lifetime(facts: list[CollectionFacts]) -> Iterator[str]:
    lifetimes = [one.expires_after for one in facts if one.expires_after is not None]
    if lifetimes:
        yield f"its documents expire (a TTL index, {_duration(min(lifetimes))})"


def _by_churn(facts: list[CollectionFacts]) -> Iterator[str]:
    for one in facts:
        if one.writes >= max(MANY_WRITES, WRITES_PER_DOCUMENT * one.documents):
            yield f"{one.writes:,} writes for {one.documents:,} documents"
            return


def _by_size(facts: list[CollectionFacts], whole: int) -> Iterator[str]:
    size = max(one.data_bytes for one in facts)
    if size >= LARGE_BYTES and size >= LARGE_SHARE * whole:
        yield f"{size / 1e9:,.1f} GB, {size / whole:.0%} of the data"


def _duration(seconds: int) -> str:
    if seconds == 0:
        return "at the time in the document"
    for name, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds} seconds"


def look(databases: Mapping[Side, Database[Any]], names: Iterable[str]) -> list[CollectionFacts]:
    """Raises PyMongoError. What the login may not see is unknown."""
    return [_look(database, name) for name in names for database in databases.values()]


def _expires(index: Mapping[str, Any]) -> bool:
    return isinstance(index.get("expireAfterSeconds"), int | float)


def _look(database: Database[Any], name: str) -> CollectionFacts:
    # Statistics refuse the concern "majority" of our connections
    collection = database.get_collection(name, read_concern=ReadConcern("local"))
    statistics: dict[str, Any] = {"latencyStats": {}, "storageStats": {}}
    try:
        lifetimes = [int(one["expireAfterSeconds"]) for one in collection.list_indexes() if _expires(one)]
        (found, *_) = collection.aggregate([{"$collStats": statistics}])
    except (OperationFailure, ValueError):  # it does not exist on this side, or may not be asked
        return CollectionFacts(name)
    storage = found.get("storageStats", {})
    return CollectionFacts(
        name,
        int(storage.get("count", 0)),
        int(storage.get("size", 0)),
        int(found.get("latencyStats", {}).get("writes", {}).get("ops", 0)),
        min(lifetimes, default=None),
    )
