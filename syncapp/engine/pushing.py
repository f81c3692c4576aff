"""The transaction that pushes: what moved on Atlas since it was read is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.values import DocumentKey
from syncapp.engine.work import Work, fact_of_push
from syncapp.mongo.documents import DocumentWrite, read_documents, write_documents
from syncapp.mongo.matching import matching
from syncapp.mongo.transaction import read_position, transaction
from syncapp.store.batches import insert_marker


class Landed(NamedTuple):
    """What was written, what of it does not match the collection's filter, and a position not before it."""

    writes: Sequence[DocumentWrite] = ()
    leaving: frozenset[DocumentKey] = frozenset()
    position: int = 0


def write_to_atlas(
    atlas: Database[Any],
    device: str,
    batch_id: str,
    writes: list[DocumentWrite],
    work: Work,
    read_all: bool,
    at: Callable[[str], None],
) -> Landed:
    """A new document need not be read again: its unique `_id` refuses it if another one was inserted meanwhile."""
    collection, leaving = writes[0].key.collection, frozenset[DocumentKey]()
    with transaction(atlas) as session:
        trusted = set() if read_all else {write.key for write in writes if write.is_guarded}
        keys = [write.key for write in writes if write.key not in trusted]
        there = read_documents(atlas[collection], keys, session, 2 * work.max_bytes)
        at("atlas read again")
        unmoved = [w for w in writes if w.key in trusted or there.get(w.key) == w.before]
        if unmoved:
            facts = [(write.key, fact_of_push(work, write.key, device)) for write in unmoved]
            insert_marker(atlas, batch_id, device, session, facts)
            write_documents(atlas[collection], unmoved, session, work.exchanged)
            at("atlas written")
            if work.filter:
                leaving = _leaving(atlas, collection, unmoved, work, session)
    return Landed(unmoved, leaving, read_position(session))


def _leaving(
    atlas: Database[Any], collection: str, writes: list[DocumentWrite], work: Work, session: ClientSession
) -> frozenset[DocumentKey]:
    there = {write.key for write in writes if write.after is not None}
    return frozenset(there - matching(atlas, collection, there, work.filter, session))
