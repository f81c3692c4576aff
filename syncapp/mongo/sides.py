"""Connections with a known side, so that errors can name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError, ServerSelectionTimeoutError

from syncapp.core.values import Side
from syncapp.mongo.connect import NewConnections, connect
from syncapp.mongo.error_text import note_side

_sides: WeakKeyDictionary[MongoClient[Any], Side] = WeakKeyDictionary()


def connect_side(
    side: Side,
    uri: str,
    process: str,
    socket_timeout_ms: int = 60_000,
    listener: NewConnections | None = None,
) -> Database[dict[str, Any]]:
    """As `connect` does. Raises PyMongoError if a mongodb+srv name cannot be looked up, or a file not be read: the
    driver calls the former a wrong setting, and lets errors of files through."""
    try:
        database = connect(uri, process, socket_timeout_ms, listener)
    except (PyMongoError, OSError) as raised:  # an SSLError is an OSError
        error = _in_the_drivers_words(uri, raised)
        note_side(error, side)
        if error is raised:
            raise  # raised from itself the chain would be endless
        raise error from raised
    _sides[database.client] = side
    return database


@contextmanager
def of_side(database: Database[Any]) -> Iterator[None]:
    """Notes the database's side on the driver's errors raised within."""
    try:
        yield
    except PyMongoError as error:
        note_side(error, _sides.get(database.client))
        raise


def _in_the_drivers_words(uri: str, error: Exception) -> PyMongoError:
    if isinstance(error, PyMongoError):
        unknown = isinstance(error, ConfigurationError) and not isinstance(error, InvalidURI)
        srv = uri.startswith("mongodb+srv://")
        return ServerSelectionTimeoutError(str(error)) if srv and unknown else error
    return ConfigurationError(f"A file that its URI names cannot be used: {error}")
