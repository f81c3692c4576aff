"""Documents that exchange the values of a unique index, and those that need a value that is taken.

An application that swaps two values makes two documents dirty, neither of which can be written before the other. So
on a taken value the target is queried, for the whole batch at once, for the holders of the new values; holders that
are about to change too are examined in the same way, and so on. The query uses the index itself: only the server knows
what is equal there and what the index contains.
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
    """Dependencies between documents on the target."""

    waits: dict[DocumentKey, dict[DocumentKey, bool]] = field(default_factory=lambda: defaultdict(dict))
    """Writer → holder of the wanted value → does the holder release it by its own change?"""
    rivals: dict[DocumentKey, DocumentKey] = field(default_factory=dict)
    """Those with the same new value as another one that comes first."""
    holders: dict[DocumentKey, bytes] = field(default_factory=dict)
    """The target's documents that were found."""
    partners: dict[DocumentKey, bytes | None] = field(default_factory=dict)
    """Those that will change without being part of the batch, in their source version."""
    claims: dict[tuple[DocumentKey, DocumentKey], tuple[UniqueIndex, bytes]] = field(default_factory=dict)
    """Writer and holder → the wanted value, for error texts."""
    goes_on: bool = False
    """There are more than were examined."""


class Untangling:
    """One examination of a target: `writes` are the new versions, `staying` are left unchanged for now."""

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
        """Until no new holder is found, or the limit of partners or bytes is exceeded. Raises PyMongoError."""
        indexes = unique_indexes(self._target, self._collection)
        tangle = self.tangle
        frontier, size = dict(self._after), 0
        while frontier:
            met = len(tangle.partners)
            versions = {key: version for key, version in frontier.items() if version is not None}
            for index in indexes:
                # If an index cannot be queried (it is gone, a value is nested too deep) documents are tried one by one
                with suppress(OperationFailure, BSONError):
                    self._ask(index, versions)
            new = list(tangle.partners.items())[met:]
            size += sum(len(version) for _, version in new if version is not None)
            tangle.goes_on = bool(new) and (len(tangle.partners) > most or size > most_bytes)
            frontier = {} if tangle.goes_on else dict(new)
        return tangle

    def _ask(self, index: UniqueIndex, versions: Mapping[DocumentKey, bytes]) -> None:
        """For one index: the holders of, and other writers with, the values of these versions."""
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
        # A partial index may not contain the new versions
        after = {key: version for key in held if (version := self._after[key]) is not None}
        kept = {key: index.keys(after[key]) for key in self._taken(index, after)}
        brought = {key: brought[key] for key in self._taken(index, {key: versions[key] for key in brought})}
        holding = {key: index.keys(document) for key, document in held.items()}
        equal = self._classes(index, [*brought.values(), *holding.values(), *kept.values()])
        _connect(self.tangle, index, equal, brought, holding, kept)

    def _really(
        self, index: UniqueIndex, brought: Keys, found: Mapping[DocumentKey, bytes]
    ) -> dict[DocumentKey, bytes]:
        """Those that hold one of the values: a query finds more, for instance by single array elements."""
        holding = {key: index.keys(document) for key, document in found.items()}
        equal = self._classes(index, [*brought.values(), *holding.values()])
        wanted = {equal[value] for values in brought.values() for value in values}
        return {
            key: document
            for key, document in found.items()
            if any(equal[value] in wanted for value in holding[key])
        }

    def _learn(self, held: Mapping[DocumentKey, bytes]) -> None:
        """The fate of the holders."""
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
    """Add the result of one index. A value has at most one holder, since the index is unique."""
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
    """Current documents, outside any transaction: for information, not for writes. Raises PyMongoError."""
    ids = [key.id_bson for key in keys]
    found = {}
    for start in range(0, len(ids), IDS):
        query = RawBSONDocument(ids_filter(ids[start : start + IDS]))
        for raw in database[collection].find_raw_batches(query):
            for document in split_documents(raw):
                found[document_key(collection, id_of(document))] = document
    return found
