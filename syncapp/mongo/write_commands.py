"""Raw write commands, inside a transaction. The driver's bulk API takes two to three times
as long per document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from syncapp.core.content import wrap
from syncapp.mongo.read_commands import RAW

Statement = Mapping[str, Any]
COMMAND_BYTES = 14_000_000  # of statements: a larger one is sent alone
PLACE_BYTES = 8  # of each in the array: its type and number


def statement(query: bytes, change: bytes) -> RawBSONDocument:
    """One for `update`, of BSON: a whole document, or {$set: …}."""
    return RawBSONDocument(wrap(b"\x03q\0" + query + b"\x03u\0" + change))


def insert(collection: Collection[Any], documents: Sequence[Statement], session: ClientSession) -> None:
    """Insert documents in order. Raises BulkWriteError, with the index of the first refused one."""
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
    start = 0
    for portion in _portions(statements):
        command = {name: collection.name, field: portion, "ordered": True}
        reply = collection.database.command(command, session=session, codec_options=RAW)
        if reply.get("writeErrors"):
            raise BulkWriteError(_counted_from(start, reply))
        start += len(portion)


def _portions(statements: Sequence[Statement]) -> Iterator[list[Statement]]:
    """Split into commands, each below 16 MB like a document."""
    portion: list[Statement] = []
    size = 0
    for one in statements:
        length = len(one.raw) if isinstance(one, RawBSONDocument) else len(bson.encode(one))
        if portion and size + length > COMMAND_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += length + PLACE_BYTES
    if portion:
        yield portion


def _counted_from(start: int, reply: RawBSONDocument) -> dict[str, Any]:
    """The reply with the index of the first error among all statements."""
    first = dict(reply["writeErrors"][0])
    return {**reply, "writeErrors": [{**first, "index": start + first["index"]}]}
