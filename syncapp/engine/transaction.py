"""Transactions as the protocol needs them, and when their reads were made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from syncapp.engine.errors import translate


@contextmanager
def transaction(database: Database[Any]) -> Iterator[ClientSession]:
    with database.client.start_session(causal_consistency=False) as session:
        session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            yield session
        except BaseException:
            session.abort_transaction()
            raise
        session.commit_transaction()


@contextmanager
def translated() -> Iterator[None]:
    """The driver's errors as ours, but for a duplicate key, which is protocol."""
    try:
        yield
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise translate(error) from error


def read_position(session: ClientSession) -> int:
    """An upper bound of the cluster time of what the session read last."""
    at = session.operation_time
    return 0 if at is None else at.time << 32 | at.inc
