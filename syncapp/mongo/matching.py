"""Which documents match a filter: the server says it, in the snapshot in which the documents are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from syncapp.core.content import document_key, ids_filter, wrap
from syncapp.core.rule.match_expressions import read_filter
from syncapp.core.values import DocumentKey
from syncapp.mongo.documents import id_portions
from syncapp.mongo.errors import SyncError, translate
from syncapp.mongo.read_commands import portions
from syncapp.mongo.transaction import session_of

_NOBODY = document_key("", bson.encode({"_id": "no document"}))


def matching(
    database: Database[Any],
    collection: str,
    keys: Iterable[DocumentKey],
    expression: Mapping[str, Any],
    session: ClientSession,
) -> frozenset[DocumentKey]:
    """Those of the keys whose documents match this expression, given as extended JSON. Raises PyMongoError."""
    wanted = RawBSONDocument(bson.encode(read_filter(expression)))
    found: set[DocumentKey] = set()
    for ids in id_portions([key.id_bson for key in keys]):
        command: dict[str, Any] = {
            "find": collection,
            "filter": {"$and": [RawBSONDocument(ids_filter(ids)), wanted]},
            "projection": {"_id": 1},
            "batchSize": len(ids) + 1,
        }
        if not session.in_transaction:
            command["readConcern"] = {"level": "majority"}
        with closing(portions(database, command, session)) as replies:
            found.update(document_key(collection, one) for documents in replies for one in documents)
    return frozenset(found)


def would_match(database: Database[Any], collection: str, document: bytes, query: Mapping[str, Any]) -> bool:
    """Does a version that is not stored match this query? By the server as well, with the collection's collation: the
    collection must not be empty. Raises PyMongoError."""
    literal = RawBSONDocument(wrap(b"\x03$literal\0" + document))
    pipeline: list[dict[str, Any]] = [
        {"$limit": 1},
        {"$replaceRoot": {"newRoot": literal}},
        {"$match": query},
        {"$project": {"_id": 0, "matches": {"$literal": True}}},
    ]
    with database[collection].aggregate(pipeline) as found:
        return any(True for _ in found)


def foreign(
    database: Database[Any], collection: str, keys: Iterable[DocumentKey], expression: Mapping[str, Any]
) -> frozenset[DocumentKey]:
    """Those of the keys, of documents that are there, which do not match. One over which the expression fails (a division by
    zero) counts as one that does: whoever processes it meets the error, and it blocks no other. Raises PyMongoError."""
    known = list(keys)
    if not known:
        return frozenset()
    with session_of(database) as session:
        try:
            return frozenset(known) - matching(database, collection, known, expression, session)
        except OperationFailure as error:
            if not _is_of_a_document(error):
                raise
        matching(database, collection, [_NOBODY], expression, session)  # raises if it is refused as a whole
        return frozenset(known).difference(_one_by_one(database, collection, known, expression, session))


def _one_by_one(
    database: Database[Any],
    collection: str,
    keys: list[DocumentKey],
    expression: Mapping[str, Any],
    session: ClientSession,
) -> Iterator[DocumentKey]:
    """Those that match, or over which it fails."""
    middle = len(keys) // 2
    for some in (keys[:middle], keys[middle:]):
        try:
            yield from matching(database, collection, some, expression, session)
        except OperationFailure as error:
            if not _is_of_a_document(error):
                raise
            if len(some) == 1:
                yield from some
            else:
                yield from _one_by_one(database, collection, some, expression, session)


def _is_of_a_document(error: OperationFailure) -> bool:
    """May it be? Not what concerns the server, or passes."""
    return type(translate(error)) is SyncError


@contextmanager
def snapshot(session: ClientSession) -> Iterator[None]:
    """Reads within are of one moment, which a majority has, and not from before what a causal session has seen."""
    session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"), ReadPreference.PRIMARY)
    try:
        yield
    except BaseException:
        session.abort_transaction()
        raise
    session.commit_transaction()
