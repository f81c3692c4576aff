"""Writes a version like an application: its exact bytes, without a batch marker, so that
sync transfers it like any native change."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from pymongo.database import Database

from syncapp.core.rule.collection_rule import CollectionRules
from syncapp.core.rule.own_fields import projection_of
from syncapp.core.rule.projection import Projection
from syncapp.core.values import DocumentKey, Side
from syncapp.mongo.documents import DocumentWrite, ensure_collection, read_documents, write_documents
from syncapp.mongo.errors import ConnectionDown, TransientError
from syncapp.mongo.transaction import transaction, translated
from syncapp.rules import stored
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
    side: Side,
    process: str,
    key: DocumentKey,
    version: bytes | None,
    *,
    only_over: object = ANYTHING,
    of_here: bool = False,
) -> None:
    """Write a version, but for the fields that each side keeps for itself; None: delete the document. `only_over`: the
    expected current version (raw BSON or None). `of_here`: it was this side's, so that if the document is gone they come
    back with it.

    Raises Overtaken, NotPossible or Unreachable; nothing was written then.
    """
    with database(side, process) as target, refused_by(side, "refuses the version"):
        _try_to_write(target, key, version, only_over, of_here)


def _try_to_write(
    target: Database[Any], key: DocumentKey, version: bytes | None, only_over: object, of_here: bool
) -> None:
    projection = _projection_of(key.collection)
    for attempt in range(ATTEMPTS):
        try:
            with translated():
                _write(target, key, version, only_over, projection, of_here)
            return
        except TransientError as error:
            if isinstance(error, ConnectionDown) or attempt == ATTEMPTS - 1:
                raise
        time.sleep(min(LONGEST_SECONDS, 0.01 * 2**attempt) * random.uniform(0.5, 1.0))


def _projection_of(collection: str) -> Projection:
    rules = CollectionRules.of(map(json.loads, stored.read().collection_rules))
    return projection_of(rules.for_collection(collection).own_fields)


def _write(
    target: Database[Any],
    key: DocumentKey,
    version: bytes | None,
    only_over: object,
    projection: Projection,
    of_here: bool,
) -> None:
    if version is not None:
        ensure_collection(target, key.collection)
    with transaction(target) as session:
        there = read_documents(target[key.collection], [key], session, MAX_BYTES).get(key)
        if only_over is not ANYTHING and there != only_over:
            raise Overtaken(CHANGED_MEANWHILE)
        if there is not None or not of_here:
            version = projection.carried(version, there)
        if there != version:
            write_documents(target[key.collection], [DocumentWrite(key, there, version)], session)
