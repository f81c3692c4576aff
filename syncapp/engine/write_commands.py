"""Write commands as they go over the wire. The driver's bulk API takes two to three times as long a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

Statement = Mapping[str, Any]


def insert(
    collection: Collection[Any], documents: Sequence[Statement], session: ClientSession | None
) -> None:
    """Insert documents in their order. Raises BulkWriteError, with the place of the first that is refused."""
    _run(collection, "insert", "documents", documents, session)


def update(collection: Collection[Any], updates: Sequence[Statement], session: ClientSession | None) -> int:
    """`updates`: {q: query, u: update, upsert: …}, in their order. Returns how many found their document, or
    made it. Raises as `insert` does."""
    return _run(collection, "update", "updates", updates, session)


def delete(collection: Collection[Any], query: Statement, session: ClientSession | None) -> None:
    """Delete all documents that a query finds."""
    _run(collection, "delete", "deletes", [{"q": query, "limit": 0}], session)


def _run(
    collection: Collection[Any],
    name: str,
    field: str,
    statements: Sequence[Statement],
    session: ClientSession | None,
) -> int:
    if not statements:
        return 0
    command: dict[str, Any] = {name: collection.name, field: list(statements), "ordered": True}
    if session is None or not session.in_transaction:
        command["writeConcern"] = collection.write_concern.document
    reply = collection.database.command(command, session=session)
    if reply.get("writeErrors") or reply.get("writeConcernError"):
        raise BulkWriteError(reply)
    return int(reply["n"])
