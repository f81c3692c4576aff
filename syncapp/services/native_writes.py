"""Writes a version like an application: its exact bytes, without a batch marker, so that
sync transfers it like any native change."""

from __future__ import annotations

import random
import time
from typing import Any

from pymongo.database import Database

from syncapp.core.values import DocumentKey, Side
from syncapp.mongo.documents import DocumentWrite, ensure_collection, read_documents, write_documents
from syncapp.mongo.errors import ConnectionDown, TransientError
from syncapp.mongo.transaction import transaction, translated
from syncapp.services.databases import database, refused_by
from syncapp.services.errors import Overtaken

ATTEMPTS = 8  # against concurrent writes of applications
LONGEST_SECONDS = 0.4
MAX_BYTES = 64 * 1024 * 1024
ANYTHING = object()


CHANGED_MEANWHILE = (
    "The document has changed: sync processes it again, and records a new conflict if it still differs"
)


def write_natively(
    side: Side, process: str, key: DocumentKey, version: bytes | None, *, only_over: object = ANYTHING
) -> None:
    """Write a version; None: delete the document. `only_over`: the expected current version (raw BSON or None).

    Raises Overtaken, NotPossible or Unreachable; nothing was written then.
    """
    with database(side, process) as target, refused_by(side, "refuses the version"):
        _try_to_write(target, key, version, only_over)


def _try_to_write(target: Database[Any], key: DocumentKey, version: bytes | None, only_over: object) -> None:
    for attempt in range(ATTEMPTS):
        try:
            with translated():
                _write(target, key, version, only_over)
            return
        except TransientError as error:
            if isinstance(error, ConnectionDown) or attempt == ATTEMPTS - 1:
                raise
        time.sleep(min(LONGEST_SECONDS, 0.01 * 2**attempt) * random.uniform(0.5, 1.0))


def _write(target: Database[Any], key: DocumentKey, version: bytes | None, only_over: object) -> None:
    if version is not None:
        ensure_collection(target, key.collection)
    with transaction(target) as session:
        there = read_documents(target[key.collection], [key], session, MAX_BYTES).get(key)
        if only_over is not ANYTHING and there != only_over:
            raise Overtaken(CHANGED_MEANWHILE)
        if there != version:
            write_documents(target[key.collection], [DocumentWrite(key, there, version)], session)
