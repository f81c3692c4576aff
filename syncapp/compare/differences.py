"""Both sides compared document by document, with what was agreed about each.

What differs goes into the local `_sync_dirty`, whose stream brings it to the listener like any event. Live
sync goes on meanwhile: nothing is written to a document here.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.database import Database

from syncapp.compare.ranges import Range
from syncapp.core.content import content_hash, document_key, id_of, key_hash
from syncapp.core.exclusions import is_reserved
from syncapp.core.values import ABSENT, DocumentKey, SyncState
from syncapp.mongo.documents import read_documents
from syncapp.mongo.listing import list_collections
from syncapp.mongo.transaction import session_of, transaction
from syncapp.rules.refusals import refusals
from syncapp.store.names import DIRTY
from syncapp.store.states import read_states, write_states

KEYS = 100  # read at once by their _ids: documents can be large
KEEP_DIRTY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Compared:
    """One document as it is on both sides now, and what was agreed about it."""

    key: DocumentKey
    local: bytes  # content hashes
    atlas: bytes
    state: SyncState

    @property
    def agreed(self) -> bool:
        """There is nothing to do: the sides are equal, or differ as agreed."""
        return self.local == self.atlas or (self.local, self.atlas) == (self.state.local, self.state.atlas)

    @property
    def settled(self) -> bool:
        """What is there is what was agreed, so that nobody has to look."""
        return (self.local, self.atlas) == (self.state.local, self.state.atlas)

    @property
    def what(self) -> str:
        """In a word: equal, different, onlyLocal, onlyAtlas (as counts have it)."""
        if self.local == self.atlas:
            return "equal"
        if self.local == ABSENT:
            return "onlyAtlas"
        return "onlyLocal" if self.atlas == ABSENT else "different"


def shared_collections(local: Database[Any], atlas: Database[Any]) -> list[str]:
    """Names of all plain collections of either side that sync may look at."""
    refused = refusals(local, atlas)
    names: set[str] = set()
    for database in (local, atlas):
        for info in list_collections(database):
            if info["type"] == "collection" and not is_reserved(info["name"]) and info["name"] not in refused:
                names.add(info["name"])
    return sorted(names)


def compare_range(local: Database[Any], name: str, found: Range) -> list[Compared]:
    """Every document of a range, with what was agreed about it. Raises PyMongoError."""
    here, there = by_key(name, found.local), by_key(name, found.atlas)
    return _compared(here, there, read_states(local, [*here, *(key for key in there if key not in here)]))


def compare_unequal(local: Database[Any], name: str, found: Range) -> list[Compared]:
    """The same for those documents only that are not the same bytes on both sides."""
    here, there = by_key(name, found.local), by_key(name, found.atlas)
    for key in [key for key, document in here.items() if there.get(key) == document]:
        del here[key], there[key]
    return _compared(here, there, read_states(local, [*here, *(key for key in there if key not in here)]))


def compare_keys(
    local: Database[Any], atlas: Database[Any], name: str, keys: Sequence[DocumentKey]
) -> list[Compared]:
    """These keys as they are now. States are read first: a decision that is made after that raises the
    counter, and so is noticed by whoever writes a state. Raises PyMongoError."""
    found = []
    for index in range(0, len(keys), KEYS):
        some = keys[index : index + KEYS]
        states = read_states(local, some)
        versions = []
        for database in (local, atlas):
            with session_of(database, causal=True) as session:
                versions.append(read_documents(database[name], some, session, 1 << 62))
        found += _compared(versions[0], versions[1], states)
    return found


def by_key(name: str, documents: Iterable[bytes]) -> dict[DocumentKey, bytes]:
    return {document_key(name, id_of(document)): document for document in documents}


def _compared(
    here: Mapping[DocumentKey, bytes],
    there: Mapping[DocumentKey, bytes],
    states: Mapping[DocumentKey, SyncState],
) -> list[Compared]:
    return [
        Compared(key, content_hash(here.get(key)), content_hash(there.get(key)), state)
        for key, state in states.items()
    ]


def agree_on_equal(local: Database[Any], page: Iterable[Compared]) -> None:
    """Write the states of equal documents that are not agreed on yet."""
    fresh = [
        (one.key, one.state, one.state.next(one.local, one.atlas))
        for one in page
        if one.local == one.atlas and (one.state.local, one.state.atlas) != (one.local, one.atlas)
        and one.state.intent is None
    ]  # fmt: skip
    if fresh:
        with transaction(local) as session:
            write_states(local, fresh, session)


def mark_dirty(local: Database[Any], keys: Iterable[DocumentKey], why: str) -> int:
    """Ask the listener to look at these keys. Returns how many."""
    operations = []
    for key in keys:
        document = {
            "_id": key_hash(key),
            "c": key.collection,
            "key": RawBSONDocument(key.id_bson),
            "why": why,
            "at": dt.datetime.now(dt.UTC),
            "n": uuid.uuid4().hex,  # an identical replace would bring no event
        }
        operations.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
    if operations:
        local[DIRTY].bulk_write(operations, ordered=False)
    return len(operations)


def ensure_indexes(local: Database[Any]) -> None:
    local[DIRTY].create_index("at", expireAfterSeconds=KEEP_DIRTY_SECONDS)
