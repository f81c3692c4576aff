"""Applications that write raw documents on any side, and what stands there afterwards."""

from __future__ import annotations

import time
from typing import Any

from bson.raw_bson import RawBSONDocument
from hypothesis import event
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import WriteError

from syncapp.core.content import id_of, repeats_a_name, split_documents
from tests.property.documents import id_filter


def stored(collection: Collection[Any], raw: bytes) -> bytes | None:
    """The document with the `_id` of `raw`, as the server holds it."""
    query = RawBSONDocument(id_filter(raw))
    found = b"".join(collection.find_raw_batches(query))
    return split_documents(found)[0] if found else None


def write(database: Database[Any], collection: str, raw: bytes, *, delete: bool = False) -> bool:
    """Insert, replace or delete natively. False: nothing was to be done, or the server refuses it."""
    target = database[collection]
    there = stored(target, raw)
    query = RawBSONDocument(id_filter(raw))
    time.sleep(0.002)  # no two writes within one millisecond: the later one is known
    try:
        if delete:
            return bool(target.delete_one(query).deleted_count)
        if there is not None and id_of(there) != id_of(raw):
            target.delete_one(query)  # 1 and 1.0 are one `_id`: it cannot be changed in place
            there = None
        if there is None:
            target.insert_one(RawBSONDocument(raw))
        elif b"$" not in raw or repeats_a_name(raw) or repeats_a_name(there):
            # Over fields of one name the server ends itself when a pipeline changes them. By the command: the
            # driver would decode the document, and cannot decode every date
            statement = {"q": query, "u": RawBSONDocument(raw)}
            # Before MongoDB 5.0 a command's own concern is not a majority, which is what is read below
            command = {"update": collection, "updates": [statement], "writeConcern": {"w": "majority"}}
            reply = database.command(command)
            if reply.get("writeErrors"):
                raise WriteError("", reply["writeErrors"][0]["code"])
        else:
            # A plain replace takes a field that is named like an operator for one
            target.update_one(query, [{"$replaceWith": {"$literal": RawBSONDocument(raw)}}])
    except WriteError as error:
        event(f"an application's write is refused with {error.code}")
        return False
    return stored(target, raw) != there


def contents(database: Database[Any], collection: str) -> list[bytes]:
    """Every document as stored, in an order that does not depend on what it holds."""
    found = b"".join(database[collection].find_raw_batches({}))
    return sorted(split_documents(found))
