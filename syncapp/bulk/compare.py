"""Both sides compared document by document: for the first start, and when a stream's history is lost.

What is equal is agreed on. What differs from what was agreed goes into the local `_sync_dirty`, whose
stream brings it to the listener like any event. Live sync goes on meanwhile: nothing is written to a
document here.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database

from syncapp.engine.content import content_hash, document_key, id_of, key_hash
from syncapp.engine.documents import read_documents, split_documents
from syncapp.engine.state import read_states, write_states
from syncapp.engine.values import ABSENT, DocumentKey, SyncState
from syncapp.rules.exclusions import is_reserved
from syncapp.rules.refusals import refusals
from syncapp.streams.change_stream import DIRTY

PAGE = 500
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


def shared_collections(local: Database[Any], atlas: Database[Any]) -> list[str]:
    """Names of all plain collections of either side that sync may look at."""
    refused = refusals(local, atlas)
    names: set[str] = set()
    for database in (local, atlas):
        for info in database.list_collections(filter={"type": "collection"}):
            if not is_reserved(info["name"]) and info["name"] not in refused:
                names.add(info["name"])
    return sorted(names)


def compare_collection(local: Database[Any], atlas: Database[Any], name: str) -> Iterator[list[Compared]]:
    """Pages of all documents that exist on either side. Raises PyMongoError."""
    for page in _pages(local[name]):
        with atlas.client.start_session() as session:
            there = read_documents(atlas[name], page, session, 1 << 62)
        states = read_states(local, page)
        yield [
            Compared(key, content_hash(document), content_hash(there.get(key)), states[key])
            for key, document in page.items()
        ]
    for page in _pages(atlas[name]):
        with local.client.start_session() as session:
            here = read_documents(local[name], page, session, 1 << 62)
        only_there = {key: document for key, document in page.items() if key not in here}
        states = read_states(local, only_there)
        yield [
            Compared(key, ABSENT, content_hash(document), states[key]) for key, document in only_there.items()
        ]


def _pages(collection: Collection[Any]) -> Iterator[dict[DocumentKey, bytes]]:
    for raw in collection.find_raw_batches({}, batch_size=PAGE).sort("_id", 1):
        documents = split_documents(raw)
        for start in range(0, len(documents), PAGE):
            page = documents[start : start + PAGE]
            yield {document_key(collection.name, id_of(document)): document for document in page}


def agree_on_equal(local: Database[Any], page: Iterable[Compared]) -> None:
    """Write the states of equal documents that are not agreed on yet."""
    fresh = [
        (one.key, one.state, one.state.next(one.local, one.atlas))
        for one in page
        if one.local == one.atlas and (one.state.local, one.state.atlas) != (one.local, one.atlas)
        and one.state.intent is None
    ]  # fmt: skip
    write_states(local, fresh)


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


def resync(local: Database[Any], atlas: Database[Any], names: Iterable[str], why: str) -> int:
    """Compare these collections: agree on what is equal, and have the listener look at what is not.

    Returns how many documents differ from what was agreed. Raises PyMongoError.
    """
    count = 0
    for name in names:
        for page in compare_collection(local, atlas, name):
            # Only what both sides hold now, while nobody else decides: an equal document that is not
            # agreed on goes through the listener too
            differing = [one.key for one in page if not one.agreed]
            unsettled = [
                one.key
                for one in page
                if one.agreed and (one.state.local, one.state.atlas) != (one.local, one.atlas)
            ]
            count += len(differing)
            mark_dirty(local, [*differing, *unsettled], why)
    return count


def ensure_indexes(local: Database[Any]) -> None:
    local[DIRTY].create_index("at", expireAfterSeconds=KEEP_DIRTY_SECONDS)
