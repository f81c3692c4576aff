"""Finds which of many documents a target refuses, without writing any: each is tried in an aborted
transaction. Repeating a whole batch for each refused one would take quadratic time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pymongo.collection import Collection

from syncapp.mongo.documents import DocumentWrite, write_documents
from syncapp.mongo.errors import DocumentRefused
from syncapp.mongo.transaction import aborted_transaction


def find_refused(
    collection: Collection[Any], writes: Sequence[DocumentWrite], tried: Callable[[], None]
) -> list[DocumentRefused]:
    """The error of each document that is refused even alone. `tried` is called before each attempt, of which there may be
    thousands. Raises PyMongoError."""
    refused: list[DocumentRefused] = []
    left = list(writes)
    size = 1  # grows while there are no errors
    while left:
        tried()
        try:
            with aborted_transaction(collection.database) as session:
                write_documents(collection, left[:size], session)
        except DocumentRefused as error:
            refused.append(error)
            left = [write for write in left[:size] if write.key != error.key] + left[size:]
            size = max(1, size // 4)
        else:
            left = left[size:]
            size *= 2
    return refused
