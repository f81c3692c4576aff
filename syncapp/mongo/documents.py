"""Documents read and written as raw bytes, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from syncapp.core.content import (
    document_key,
    elements,
    has_empty_timestamp,
    id_of,
    ids_filter,
    repeats_a_name,
    wrap,
)
from syncapp.core.values import DocumentKey, Operation
from syncapp.mongo import read_commands, write_commands
from syncapp.mongo.errors import (
    NAMESPACE_EXISTS,
    BatchTooLarge,
    CollectionRefused,
    DocumentRefused,
    SyncError,
    translate,
)
from syncapp.mongo.read_commands import RAW
from syncapp.mongo.refusals import reason_of

FILTER_BYTES = 8_000_000  # of `_id`s in one $in: a query must stay below 16 MB
LARGEST_STATEMENT = 16 * 1024 * 1024  # bytes of an update: of its query and the new document


class DocumentWrite(NamedTuple):
    """One document of the target: the current and the new version. None: absent."""

    key: DocumentKey
    before: bytes | None
    after: bytes | None

    @property
    def operation(self) -> Operation:
        if self.after is None:
            return Operation.DELETE
        return Operation.INSERT if self.before is None else Operation.UPDATE

    @property
    def is_guarded(self) -> bool:
        """Is it an insert, which fails if the document exists?"""
        return self.before is None and self.after is not None and not has_empty_timestamp(self.after)


def read_documents(
    collection: Collection[Any],
    keys: Iterable[DocumentKey],
    session: ClientSession,
    max_bytes: int,
    first: int | None = None,
) -> dict[DocumentKey, bytes]:
    """The documents that exist, as raw BSON; `first`: how many the first reply may bring, if not all. Raises
    BatchTooLarge if several have more than `max_bytes`."""
    found: dict[DocumentKey, bytes] = {}
    by_id = {key.id_bson: key for key in keys}
    size = 0
    for ids in id_portions(list(by_id)):
        query = RawBSONDocument(ids_filter(ids))
        with closing(read_commands.find(collection, query, session, first or len(ids) + 1)) as portions:
            for documents in portions:
                for document in documents:
                    id_bson = id_of(document)
                    # 1 and 1.0 are one `_id` for the server
                    key = by_id.get(id_bson) or document_key(collection.name, id_bson)
                    found[key] = document
                size += sum(map(len, documents))
                if size > max_bytes and len(found) > 1:
                    raise BatchTooLarge(len(found) * max_bytes // size)
    return found


def id_portions(ids: list[bytes]) -> Iterable[list[bytes]]:
    """Parts that fit into one query."""
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
    """Write documents byte for byte: deletes, then replaces, then inserts.

    `exchanged`: documents that exchange unique values: deleted and inserted again, so that no two
    have one value at any moment. Raises DocumentRefused for the first that the server does not take.
    """
    deletes: list[DocumentKey] = []
    replaces: dict[DocumentKey, Mapping[str, Any]] = {}
    inserts: dict[DocumentKey, RawBSONDocument] = {}
    for write in writes:
        there, after = write.before, write.after
        if there is not None and (
            after is None or write.key in exchanged or not _can_change(write.key, there, after)
        ):
            deletes.append(write.key)
            there = None
        if after is None:
            continue
        if there is None and not has_empty_timestamp(after):
            # Never an upsert: that is seven times slower than an insert
            inserts[write.key] = RawBSONDocument(after)
        elif _needs_literal(after):
            query, change = RawBSONDocument(write.key.id_bson), {"$literal": RawBSONDocument(after)}
            replaces[write.key] = {"q": query, "u": [{"$replaceWith": change}], "upsert": there is None}
        else:
            replaces[write.key] = write_commands.statement(write.key.id_bson, after)
    for ids in id_portions([key.id_bson for key in deletes]):
        write_commands.delete(collection, RawBSONDocument(ids_filter(ids)), session)
    with _refusals_of(replaces):
        write_commands.update(collection, [*replaces.values()], session)
    with _refusals_of(inserts):
        write_commands.insert(collection, [*inserts.values()], session)


def _can_change(key: DocumentKey, there: bytes, after: bytes) -> bool:
    """Can the server update one into the other? Otherwise the document is deleted and inserted."""
    start = key.id_bson[4:-1]
    if not (there.startswith(start, 4) and after.startswith(start, 4)):
        return False  # an _id that is equal for the server but has other bytes (1 and 1.0) is not changed by an update
    if len(start) + len(after) > LARGEST_STATEMENT:
        return False  # both are part of one update
    # A pipeline update is logged as a difference, and MongoDB (6.0.5) aborts with "Invariant
    # failure" on one of two documents with repeated field names
    return not _needs_literal(after) or not (repeats_a_name(there) or repeats_a_name(after))


def _needs_literal(document: bytes) -> bool:
    """The server fills in a Timestamp(0, 0), and may parse a name that starts with $ as an operator."""
    return b"$" in document or has_empty_timestamp(document)


@contextmanager
def _refusals_of(keys: Iterable[DocumentKey]) -> Iterator[None]:
    try:
        yield
    except BulkWriteError as error:
        details: dict[str, Any] = dict(error.details or {})
        if not details.get("writeErrors"):
            raise
        wrong = details["writeErrors"][0]
        key = list(keys)[wrong["index"]]
        raise DocumentRefused(key, reason_of(wrong), wrong.get("code"), _held_value(wrong)) from error


def _held_value(wrong: Mapping[str, Any]) -> bytes:
    """The existing value of a unique index, from an entry of `writeErrors`: as BSON of {path: value}, or empty."""
    value = wrong.get("keyValue")
    if not isinstance(value, RawBSONDocument):
        return b""
    if "hexEncoded" not in wrong or "collation" in wrong:
        return bytes(value.raw)
    # Text that is not UTF-8 is reported in hexadecimal digits
    parts = zip(elements(bytes(value.raw)), wrong["hexEncoded"], strict=True)
    return wrap(
        b"".join(bytes([k]) + n + b"\0" + (_unhex(v) if is_hex else v) for (k, n, v), is_hex in parts)
    )


def _unhex(text: bytes) -> bytes:
    """A BSON string of hexadecimal digits as one of the bytes that they stand for."""
    data = bytes.fromhex(text[4:-1].decode())
    return (len(data) + 1).to_bytes(4, "little") + data + b"\0"


def ensure_collection(database: Database[Any], name: str) -> None:
    """Create a collection unless it exists. Outside a transaction: creating inside one conflicts.

    Raises CollectionRefused if the server can never accept it (a name that is too long, for instance).
    """
    try:
        concern = database.write_concern.document
        database.command(
            {"create": name, **({"writeConcern": concern} if concern else {})}, codec_options=RAW
        )
    except OperationFailure as error:
        if error.code == NAMESPACE_EXISTS:
            return
        cause = translate(error)
        if type(cause) is not SyncError:
            raise
        raise CollectionRefused(f"The collection cannot be created: {cause}", error.code) from error
