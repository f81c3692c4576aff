"""Write commands as they go over the wire, inside a transaction. The driver's bulk API takes two to three times
as long a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from syncapp.engine.content import wrap

Statement = Mapping[str, Any]
# A refusal holds values of the document, which may be such as Python cannot decode
_ANY_VALUE: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
COMMAND_BYTES = 12_000_000  # a command may have 16 MB, and one document as many


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
    done = 0
    for portion in _portions(statements):
        command = {name: collection.name, field: portion, "ordered": True}
        reply = collection.database.command(command, session=session, codec_options=_ANY_VALUE)
        if reply.get("writeErrors"):
            reply["writeErrors"][0]["index"] += done
            raise BulkWriteError(reply)
        done += len(portion)


def _portions(statements: Sequence[Statement]) -> Iterator[list[Statement]]:
    """As many at once as a command may hold. What exchanges unique values can be more."""
    portion: list[Statement] = []
    size = 0
    for one in statements:
        length = len(one.raw) if isinstance(one, RawBSONDocument) else 0
        if portion and size + length > COMMAND_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += length + 8
    if portion:
        yield portion
