"""Errors sorted by what helps, and the one place that turns the driver's errors into ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from syncapp.engine.error_text import shorten
from syncapp.engine.values import DocumentKey

WRITE_CONFLICT = 112
DUPLICATE_KEY = 11000
NAMESPACE_EXISTS = 48
# A position that the oplog does not hold any more, or a token that the server cannot use
HISTORY_LOST = frozenset({286, 280, 260, 10334, 136})
# Asked for a read after a time that this server has not reached: a primary that was deposed, or put back
BEHIND = 72
# Not the right login or privileges, or not a replica set: only a person can help
MISCONFIGURED = frozenset({13, 18, 8000, 40573})
# The primary stepped down, the server shuts down, the catalogue changed since the snapshot, …
TRANSIENT = frozenset(
    {6, 7, 24, 43, 50, 64, 89, 91, 112, 189, 237, 246, 251, 262, 290, 9001, 10107, 11600, 11602, 13435, 13436}
)


class SyncError(Exception):
    """Anything that stops a piece of sync work."""


class TransientError(SyncError):
    """Passes by itself: try again, after a while."""


class ConnectionDown(TransientError):
    """A server cannot be reached. Try again for ever: it is no document's fault."""


class HistoryLost(SyncError):
    """A change stream cannot be resumed at its token: compare both sides instead."""


class Misconfigured(SyncError):
    """The server refuses what sync needs (login, privileges, replica set): a person must help."""


class DocumentRefused(SyncError):
    """The target refuses one document. It is taken out; the others go on.

    `unique_value`: what a unique index holds already, as {path: value}.
    """

    def __init__(
        self,
        key: DocumentKey,
        reason: str,
        code: int | None = None,
        unique_value: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.key, self.reason, self.code, self.unique_value = key, reason, code, unique_value

    @property
    def is_there(self) -> bool:
        """Is it refused because a document with its `_id` is there?"""
        return self.code == DUPLICATE_KEY and list(self.unique_value or ()) == ["_id"]


class BatchTooLarge(SyncError):
    """The documents of a batch have more bytes than one transaction should write: cut it in smaller ones.

    `fitting`: so many of them had not too many bytes.
    """

    def __init__(self, fitting: int) -> None:
        super().__init__(f"{fitting} documents fit")
        self.fitting = fitting


def translate(error: PyMongoError) -> SyncError:
    """Our error for one of the driver's."""
    text = _short(error)
    if isinstance(error, BulkWriteError):
        return TransientError(text)  # of sync's own collections: somebody else was first
    if isinstance(error, OperationFailure) and not isinstance(error, ExecutionTimeout | WTimeoutError):
        if error.code in HISTORY_LOST:
            return HistoryLost(text)
        if error.code == BEHIND:
            return ConnectionDown(text)
        if error.code in MISCONFIGURED:
            return Misconfigured(text)
        if error.code in TRANSIENT or error.has_error_label("TransientTransactionError"):
            return TransientError(text)
        return SyncError(text)
    if isinstance(error, ConfigurationError):
        return Misconfigured(text)
    down = (
        AutoReconnect,
        ConnectionFailure,
        NetworkTimeout,
        ServerSelectionTimeoutError,
        WaitQueueTimeoutError,
    )
    if isinstance(error, down):
        return ConnectionDown(text)
    return TransientError(text)


def _short(error: PyMongoError) -> str:
    """The driver's text without what no operator reads (error_text.py)."""
    return shorten(str(error))
