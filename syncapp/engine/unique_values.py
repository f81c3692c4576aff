"""Documents that give each other the values of a unique index, and those that only want one that is taken.

An application that swaps two values makes two documents dirty, neither of which can be written before the other. So
whoever meets a taken value asks the target, for the whole batch at once, who holds what its versions bring; holders that
are about to change too are looked at in the same way, and so on. The question goes to the index itself: what is equal
there, and what is in it, only the server knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.core.content import document_key, id_of, ids_filter, split_documents
from syncapp.core.values import DocumentKey
from syncapp.mongo.unique_indexes import UniqueIndex, classes_of, documents_with, taken_by, unique_indexes

IDS = 2_000  # of one query
Versions = Mapping[DocumentKey, bytes | None]
Keys = Mapping[DocumentKey, set[bytes]]


@dataclass(slots=True)
class Tangle:
    """Who waits for whom on the target."""

    waits: dict[DocumentKey, dict[DocumentKey, bool]] = field(default_factory=lambda: defaultdict(dict))
    """Writer → holder of what it wants → does the holder give that up by its own change?"""
    rivals: dict[DocumentKey, DocumentKey] = field(default_factory=dict)
    """Those that bring a value that another one brings too, which comes first."""
    holders: dict[DocumentKey, bytes] = field(default_factory=dict)
    """The target's documents that were met."""
    partners: dict[DocumentKey, bytes | None] = field(default_factory=dict)
    """Those that will change, though nobody had asked for them, as they are on the source."""
    claims: dict[tuple[DocumentKey, DocumentKey], tuple[UniqueIndex, bytes]] = field(default_factory=dict)
    """Writer and holder → what is wanted, for the eyes of people."""
    goes_on: bool = False
    """There are more of them than were followed."""


class Untangling:
    """One look at a target: `writes` are what its documents shall become, `staying` stay as they are for now."""

    def __init__(
        self,
        target: Database[Any],
        source: Database[Any],
        collection: str,
        writes: Versions,
        staying: Container[DocumentKey],
    ) -> None:
        self.tangle = Tangle()
        self._target, self._source, self._collection = target, source, collection
        self._after: dict[DocumentKey, bytes | None] = dict(writes)
        self._staying = staying

    def follow(self, most: int, most_bytes: int) -> Tangle:
        """Until nobody is met any more, or more than so many partners, or bytes of them. Raises PyMongoError."""
        indexes = unique_indexes(self._target, self._collection)
        tangle = self.tangle
        frontier, size = dict(self._after), 0
        while frontier:
            met = len(tangle.partners)
            versions = {key: version for key, version in frontier.items() if version is not None}
            for index in indexes:
                # What an index cannot be asked (it is gone, a value is nested too deep) is found out one by one
                with suppress(OperationFailure, BSONError):
                    self._ask(index, versions)
            new = list(tangle.partners.items())[met:]
            size += sum(len(version) for _, version in new if version is not None)
            tangle.goes_on = bool(new) and (len(tangle.partners) > most or size > most_bytes)
            frontier = {} if tangle.goes_on else dict(new)
        return tangle

    def _ask(self, index: UniqueIndex, versions: Mapping[DocumentKey, bytes]) -> None:
        """Of one index: who holds, or brings as well, what these versions bring?"""
        brought = {key: keys for key, version in versions.items() if (keys := index.keys(version))}
        wanted = sorted(set().union(*brought.values()))
        held = {
            document_key(self._collection, id_of(document)): document
            for document in documents_with(self._target, self._collection, index, wanted)
        }
        if not held and len(brought) < 2:
            return
        if len(held) > len(wanted):
            held = self._really(index, brought, held)
        self._learn(held)
        # A partial index may not take what comes
        after = {key: version for key in held if (version := self._after[key]) is not None}
        kept = {key: index.keys(after[key]) for key in self._taken(index, after)}
        brought = {key: brought[key] for key in self._taken(index, {key: versions[key] for key in brought})}
        holding = {key: index.keys(document) for key, document in held.items()}
        equal = self._classes(index, [*brought.values(), *holding.values(), *kept.values()])
        _connect(self.tangle, index, equal, brought, holding, kept)

    def _really(
        self, index: UniqueIndex, brought: Keys, found: Mapping[DocumentKey, bytes]
    ) -> dict[DocumentKey, bytes]:
        """Those that hold one of the values: a query finds more, such as by one element of an array each."""
        holding = {key: index.keys(document) for key, document in found.items()}
        equal = self._classes(index, [*brought.values(), *holding.values()])
        wanted = {equal[value] for values in brought.values() for value in values}
        return {
            key: document
            for key, document in found.items()
            if any(equal[value] in wanted for value in holding[key])
        }

    def _learn(self, held: Mapping[DocumentKey, bytes]) -> None:
        """What becomes of those that hold something."""
        self.tangle.holders.update(held)
        strangers = [key for key in held if key not in self._after]
        self._after.update((key, held[key]) for key in strangers if key in self._staying)
        strangers = [key for key in strangers if key not in self._after]
        there = read_plainly(self._source, self._collection, strangers)
        for key in strangers:
            self._after[key] = there.get(key)
            if there.get(key) != held[key]:
                self.tangle.partners[key] = there.get(key)

    def _taken(self, index: UniqueIndex, versions: Mapping[DocumentKey, bytes]) -> list[DocumentKey]:
        taken = taken_by(self._target, self._collection, index, list(versions.values()))
        return [key for key, one in zip(versions, taken, strict=True) if one]

    def _classes(self, index: UniqueIndex, groups: Iterable[set[bytes]]) -> dict[bytes, int]:
        return classes_of(self._target, self._collection, index, sorted(set().union(*groups)))


def _connect(
    tangle: Tangle, index: UniqueIndex, equal: Mapping[bytes, int], brought: Keys, holding: Keys, kept: Keys
) -> None:
    """Add what one index says. A value has one holder at most, since the index is unique."""
    holder_of = {equal[value]: key for key, values in holding.items() for value in values}
    kept_values = {
        equal[value] for key, values in kept.items() for value in values if holder_of.get(equal[value]) == key
    }
    first: dict[int, DocumentKey] = {}
    for writer, values in brought.items():
        for value in values:
            holder = holder_of.get(equal[value])
            keeps = equal[value] in kept_values
            if holder is not None and holder != writer and (keeps or holder not in tangle.waits[writer]):
                tangle.waits[writer][holder] = not keeps
                tangle.claims[writer, holder] = (index, value)
            if not keeps and first.setdefault(equal[value], writer) != writer:
                tangle.rivals[writer] = first[equal[value]]


def read_plainly(
    database: Database[Any], collection: str, keys: Iterable[DocumentKey]
) -> dict[DocumentKey, bytes]:
    """Documents as they are now, outside of any transaction: to find out, not to write. Raises PyMongoError."""
    ids = [key.id_bson for key in keys]
    found = {}
    for start in range(0, len(ids), IDS):
        query = RawBSONDocument(ids_filter(ids[start : start + IDS]))
        for raw in database[collection].find_raw_batches(query):
            for document in split_documents(raw):
                found[document_key(collection, id_of(document))] = document
    return found
