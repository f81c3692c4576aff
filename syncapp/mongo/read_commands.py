"""Raw read commands, with replies parsed by hand. The driver creates an object for each
document, which costs several times as much."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.content import documents_in, elements

# For every reply, errors included: these quote values of documents, and the driver's codec fails on a date after the
# year 9999 and on text that is not UTF-8, which would hide the refused document
RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    unicode_decode_error_handler="replace",
)


class Portion(NamedTuple):
    """The documents of one reply of a cursor, as BSON. `cursor_id` 0: there are no more."""

    cursor_id: Int64
    documents: list[bytes]
    token: dict[str, Any]  # of a change stream: the end of the portion


def portion_of(reply: RawBSONDocument) -> Portion:
    """Of the reply to find, aggregate or getMore."""
    cursor = {name: value for _, name, value in elements(bytes(reply["cursor"].raw))}
    batch = cursor[b"firstBatch"] if b"firstBatch" in cursor else cursor[b"nextBatch"]
    token = cursor.get(b"postBatchResumeToken")
    cursor_id = Int64(int.from_bytes(cursor[b"id"], "little", signed=True))
    return Portion(cursor_id, documents_in(batch), bson.decode(token) if token else {})


def find(
    collection: Collection[Any], query: RawBSONDocument, session: ClientSession, first: int
) -> Generator[list[bytes], None, None]:
    """The documents that a query finds: at most `first` of them, then as many at a time as fit into 16 MB. Outside a
    transaction they are majority-committed, and not older than what a causal session has seen. As `portions`."""
    command: dict[str, Any] = {"find": collection.name, "filter": query, "batchSize": first}
    if not session.in_transaction:
        concern: dict[str, Any] = {"level": "majority"}
        if session.options.causal_consistency and session.operation_time is not None:
            concern["afterClusterTime"] = session.operation_time
        command["readConcern"] = concern
    return portions(collection.database, command, session)


def portions(
    database: Database[Any], command: dict[str, Any], session: ClientSession
) -> Generator[list[bytes], None, None]:
    """The results of a find or listCollections command, reply by reply. Close it if you stop early.

    Raises PyMongoError; there are no retries.
    """
    name = command.get("find", "$cmd.listCollections")
    cursor_id = Int64(0)
    try:
        while True:
            reply = database.command(command, session=session, codec_options=RAW)
            cursor_id, documents, _ = portion_of(reply)
            yield documents
            if not cursor_id:
                return
            command = {"getMore": cursor_id, "collection": name}
    finally:
        if cursor_id:
            _kill(database, name, cursor_id, session)


def _kill(database: Database[Any], name: str, cursor_id: Int64, session: ClientSession) -> None:
    try:
        database.command("killCursors", name, cursors=[cursor_id], session=session, codec_options=RAW)
    except PyMongoError:
        pass  # the server closes it after a timeout
