"""Documents read and written as raw bytes, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure

from syncapp.engine.content import document_key, has_empty_timestamp, id_of, ids_filter
from syncapp.engine.errors import NAMESPACE_EXISTS, BatchTooLarge, DocumentRefused
from syncapp.engine.refusals import reason_of
from syncapp.engine.values import DocumentKey, Operation

FILTER_BYTES = 8_000_000  # of `_id`s in one $in: a query must stay below 16 MB


@dataclass(frozen=True, slots=True)
class DocumentWrite:
    """One document of the target: what is there, and what shall be there. None: absent."""

    key: DocumentKey
    before: bytes | None
    after: bytes | None

    @property
    def operation(self) -> Operation:
        if self.after is None:
            return Operation.DELETE
        return Operation.INSERT if self.before is None else Operation.UPDATE


def read_documents(
    collection: Collection[Any], keys: Iterable[DocumentKey], session: ClientSession, max_bytes: int
) -> dict[DocumentKey, bytes]:
    """The documents that exist, as raw BSON. Raises BatchTooLarge if several have more than `max_bytes`."""
    found: dict[DocumentKey, bytes] = {}
    size = 0
    for ids in _portions([key.id_bson for key in keys]):
        query = RawBSONDocument(ids_filter(ids))
        for raw in collection.find_raw_batches(query, session=session, batch_size=len(ids) + 1):
            for document in split_documents(raw):
                found[document_key(collection.name, id_of(document))] = document
            size += len(raw)
            if size > max_bytes and len(found) > 1:
                raise BatchTooLarge
    return found


def split_documents(raw: bytes) -> list[bytes]:
    """BSON documents that stand one after the other."""
    documents, position = [], 0
    while position < len(raw):
        end = position + int.from_bytes(raw[position : position + 4], "little")
        documents.append(raw[position:end])
        position = end
    return documents


def _portions(ids: list[bytes]) -> Iterable[list[bytes]]:
    portion: list[bytes] = []
    size = 0
    for one in ids:
        if portion and size + len(one) > FILTER_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += len(one) + 8
    if portion:
        yield portion


def write_documents(
    collection: Collection[Any],
    writes: Iterable[DocumentWrite],
    session: ClientSession,
    exchanged: Container[DocumentKey] = (),
) -> None:
    """Write documents exactly as they are, in one ordered bulk, deletes before replaces before inserts.

    Ordered, because in an unordered bulk one document's error is masked by a later transient one.
    `exchanged`: documents that give each other unique values: deleted and inserted again, so that no two
    hold one value at any moment. Raises DocumentRefused for the first that the server does not take.
    """
    deletes: list[tuple[DocumentKey, Any]] = []
    replaces: list[tuple[DocumentKey, Any]] = []
    inserts: list[tuple[DocumentKey, Any]] = []
    for write in writes:
        there = write.before
        query = RawBSONDocument(write.key.id_bson)
        # An _id that is equal to the server but other bytes (1 and 1.0) cannot be changed in place
        if there is not None and (
            write.after is None or write.key in exchanged or id_of(there) != id_of(write.after)
        ):
            deletes.append((write.key, DeleteOne(query)))
            there = None
        if write.after is None:
            continue
        if there is None and not has_empty_timestamp(write.after):
            # Never an upsert: that is seven times slower than an insert
            inserts.append((write.key, InsertOne(RawBSONDocument(write.after))))
        else:
            # The server would fill in a Timestamp(0, 0) of a plain replace or insert; a literal stays
            # as it is, and no field name that starts with $ is taken for an operator
            literal = [{"$replaceWith": {"$literal": RawBSONDocument(write.after)}}]
            replaces.append((write.key, UpdateOne(query, literal, upsert=there is None)))
    operations = [*deletes, *replaces, *inserts]
    if not operations:
        return
    try:
        collection.bulk_write([operation for _, operation in operations], ordered=True, session=session)
    except BulkWriteError as error:
        details: dict[str, Any] = dict(error.details or {})
        if not details.get("writeErrors"):
            raise
        wrong = details["writeErrors"][0]
        key = operations[wrong["index"]][0]
        raise DocumentRefused(key, reason_of(wrong), wrong.get("code"), wrong.get("keyValue")) from error


def ensure_collection(database: Database[Any], name: str) -> None:
    """Create a collection unless it exists. Outside a transaction: creating inside one conflicts."""
    try:
        database.create_collection(name, check_exists=False)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise
