"""Write commands as they go over the wire, inside a transaction. The driver's bulk API takes two to three times
as long a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from syncapp.engine.content import wrap

Statement = Mapping[str, Any]


def statement(query: bytes, change: bytes) -> RawBSONDocument:
    """One for `update`, of BSON: a whole document, or {$set: …}."""
    return RawBSONDocument(wrap(b"\x03q\0" + query + b"\x03u\0" + change))


def insert(collection: Collection[Any], documents: Sequence[Statement], session: ClientSession) -> None:
    """Insert documents in their order. Raises BulkWriteError, with the place of the first that is refused."""
    _run(collection, "insert", "documents", documents, session)


def update(collection: Collection[Any], updates: Sequence[Statement], session: ClientSession) -> None:
    """`updates`: {q: query, u: update, upsert: …}, in their order. Raises as `insert` does."""
    _run(collection, "update", "updates", updates, session)


def delete(collection: Collection[Any], query: Statement, session: ClientSession) -> None:
    """Delete all documents that a query finds."""
    _run(collection, "delete", "deletes", [{"q": query, "limit": 0}], session)


def _run(
    collection: Collection[Any],
    name: str,
    field: str,
    statements: Sequence[Statement],
    session: ClientSession,
) -> None:
    if not statements:
        return
    command = {name: collection.name, field: list(statements), "ordered": True}
    reply = collection.database.command(command, session=session)
    if reply.get("writeErrors"):
        raise BulkWriteError(reply)
