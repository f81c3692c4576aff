"""Documents that give each other the values of a unique index, and those that only want one that is taken.

An application that swaps two values makes two documents dirty, neither of which can be written before the
other. So whoever meets a taken value looks who holds it: if the holder is about to change too, both are
written in one transaction, as deletes and inserts; if not, the document is rejected, and the holder named.
"""

from __future__ import annotations

from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database

from syncapp.engine.content import document_key, equal_to, id_of, ids_filter, split_documents
from syncapp.engine.errors import DUPLICATE_KEY, DocumentRefused
from syncapp.engine.values import Fact, Side, WorkItem


def holder_of(collection: Collection[Any], refused: DocumentRefused) -> bytes | None:
    """The document that holds the unique value, as raw BSON. None: nobody does (any more).

    Raises PyMongoError.
    """
    if refused.code != DUPLICATE_KEY or not refused.unique_value:
        return None
    query = RawBSONDocument(equal_to(refused.unique_value))
    for raw in collection.find_raw_batches(query, batch_size=2).limit(2):
        for document in split_documents(raw):
            if document_key(collection.name, id_of(document)) != refused.key:
                return document
    return None


def partner_of(
    source: Database[Any], holder: bytes, refused: DocumentRefused, side: Side, fact: Fact | None
) -> WorkItem | None:
    """The holder as work to be done together with the refused document; None: it is to stay as it is.

    `side` and `fact`: of the refused document's change. The holder's own change may not have been read yet;
    they were made together, so that the one's time will do for the other's push. Raises PyMongoError.
    """
    key = document_key(refused.key.collection, id_of(holder))
    query = RawBSONDocument(ids_filter([key.id_bson]))
    found = b"".join(source[key.collection].find_raw_batches(query))
    return None if found == holder else WorkItem(key, {side: fact} if fact else {})
