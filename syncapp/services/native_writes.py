"""A version written as an application would write it: exactly its bytes and without a batch marker, so that
sync carries it like any native change."""

from __future__ import annotations

import random
import time
from typing import Any

from pymongo.database import Database

from syncapp.core.values import DocumentKey
from syncapp.mongo.documents import DocumentWrite, ensure_collection, read_documents, write_documents
from syncapp.mongo.errors import ConnectionDown, TransientError
from syncapp.mongo.transaction import transaction, translated

ATTEMPTS = 8  # an application may write the same document at this moment
LONGEST_SECONDS = 0.4
MAX_BYTES = 64 * 1024 * 1024
ANYTHING = object()


class ChangedMeanwhile(Exception):
    """The document is not what it was expected to be: nothing was written."""


def read_now(database: Database[Any], key: DocumentKey) -> bytes | None:
    """The document as raw BSON. None: absent. Raises SyncError."""
    with translated(), transaction(database) as session:
        return read_documents(database[key.collection], [key], session, MAX_BYTES).get(key)


def write_natively(
    database: Database[Any], key: DocumentKey, version: bytes | None, *, only_over: object = ANYTHING
) -> None:
    """Write a version; None: delete the document. `only_over`: what must be there (raw BSON or None).

    Raises ChangedMeanwhile or SyncError.
    """
    for attempt in range(ATTEMPTS):
        try:
            with translated():
                _write(database, key, version, only_over)
            return
        except TransientError as error:
            if isinstance(error, ConnectionDown) or attempt == ATTEMPTS - 1:
                raise
        time.sleep(min(LONGEST_SECONDS, 0.01 * 2**attempt) * random.uniform(0.5, 1.0))


def _write(database: Database[Any], key: DocumentKey, version: bytes | None, only_over: object) -> None:
    if version is not None:
        ensure_collection(database, key.collection)
    with transaction(database) as session:
        there = read_documents(database[key.collection], [key], session, MAX_BYTES).get(key)
        if only_over is not ANYTHING and there != only_over:
            raise ChangedMeanwhile
        if there != version:
            write_documents(database[key.collection], [DocumentWrite(key, there, version)], session)
