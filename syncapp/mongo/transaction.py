"""Transactions as the protocol needs them, and the positions of their reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, ReadPreference
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import AutoReconnect, ConfigurationError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from syncapp.mongo.errors import translate
from syncapp.mongo.sides import of_side

NO_SESSIONS = "Sessions are not supported"


@contextmanager
def ready_connections(client: MongoClient[Any]) -> Iterator[None]:
    """For code that needs a session. A server that has just started is not in its replica set for a moment, and a
    direct connection made then refuses sessions permanently. Such connections
    are dropped. Raises AutoReconnect for one."""
    try:
        yield
    except ConfigurationError as error:
        if NO_SESSIONS not in str(error):
            raise
        for server in list(client._topology._servers.values()):  # the driver has no public API for this
            server.pool.reset_without_pause()
        raise AutoReconnect("The connection was made before the server was ready") from error


@contextmanager
def session_of(database: Database[Any], *, causal: bool = False) -> Iterator[ClientSession]:
    client = database.client
    with (
        of_side(database),
        ready_connections(client),
        client.start_session(causal_consistency=causal) as session,
    ):
        yield session


@contextmanager
def transaction(database: Database[Any]) -> Iterator[ClientSession]:
    with session_of(database) as session:
        session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"), ReadPreference.PRIMARY)
        try:
            yield session
        except BaseException:
            session.abort_transaction()
            raise
        session.commit_transaction()


@contextmanager
def aborted_transaction(database: Database[Any]) -> Iterator[ClientSession]:
    """To test the server's reaction: everything is rolled back."""
    with session_of(database) as session:
        session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            yield session
        finally:
            session.abort_transaction()


@contextmanager
def translated() -> Iterator[None]:
    """Converts the driver's errors to ours, except for a duplicate key, which is part of the protocol."""
    try:
        yield
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise translate(error) from error


def read_position(session: ClientSession) -> int:
    """An upper bound of the cluster time of the session's last read."""
    at = session.operation_time
    return 0 if at is None else at.time << 32 | at.inc
