"""Errors by their remedy, and the one place that converts the driver's errors to ours."""

from __future__ import annotations

from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from syncapp.core.content import elements
from syncapp.core.values import DocumentKey
from syncapp.mongo.error_text import shorten

DUPLICATE_KEY = 11000
NAMESPACE_EXISTS = 48
# A position that is no longer in the oplog, or a token that the server cannot use
HISTORY_LOST = frozenset({286, 280, 260, 136})
TOO_LARGE = 10334  # a reply, or an entry of the oplog
# A read after a time that this server has not reached: a deposed or restored primary
BEHIND = 72
# Wrong login or privileges, or not a replica set: an operator has to fix it
MISCONFIGURED = frozenset({13, 18, 8000, 40573})
NO_ROOM = 14031  # its disk is full
# The primary stepped down, the server shuts down, its cache is full, the catalogue changed since the snapshot, …
TRANSIENT = frozenset({
    6, 7, 24, 43, 50, 64, 89, 91, 112, 133, 134, 189, 202, 225, 237, 244, 246, 251, 262, 290, 365, 9001,
    10107, 11600, 11602, 13435, 13436,
})  # fmt: skip


class SyncError(Exception):
    """Base class of sync's errors."""


class TransientError(SyncError):
    """Temporary: retry after a delay."""


class ConnectionDown(TransientError):
    """A server is unreachable. Retry for ever: it counts for no document."""


class HistoryLost(SyncError):
    """A change stream cannot be resumed at its token: compare both sides instead."""


class TooLarge(SyncError):
    """A reply or an oplog entry would exceed the maximum document size."""


class Misconfigured(SyncError):
    """The server refuses what sync needs (login, privileges, replica set): an operator must fix it."""


class NoReplicaSet(Misconfigured):
    """The server is no replica set that sync can use. The text, which is shown in full, says what to do."""


class OutOfRoom(SyncError):
    """The server accepts no more documents: an operator must free space."""


class RulesOutOfDate(TransientError):
    """This process reads older rules than those of its task."""


class DocumentRefused(SyncError):
    """The target refuses one document. It is removed from the batch; the others are written.

    `unique_value`: the existing value of a unique index, as BSON of {path: value}; empty: another reason.
    """

    def __init__(
        self,
        key: DocumentKey,
        reason: str,
        code: int | None = None,
        unique_value: bytes = b"",
    ) -> None:
        super().__init__(reason)
        self.key, self.reason, self.code, self.unique_value = key, reason, code, unique_value

    @property
    def is_taken(self) -> bool:
        """Is it refused because another document has its unique value?"""
        return self.code == DUPLICATE_KEY and not self.is_there

    @property
    def is_there(self) -> bool:
        """Is it refused because a document with its `_id` exists?"""
        if self.code != DUPLICATE_KEY or not self.unique_value:
            return False
        return [name for _, name, _ in elements(self.unique_value)] == [b"_id"]


class CollectionRefused(SyncError):
    """The target refuses a collection of this name: all its documents are refused."""

    def __init__(self, reason: str, code: int | None) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


class Unexplained(SyncError):
    """Unknown: a value that Python or the driver cannot hold, or a bug of sync."""


class BatchTooLarge(SyncError):
    """The documents of a batch have more bytes than one transaction should write: split it.

    `fitting`: the number of documents that fit.
    """

    def __init__(self, fitting: int) -> None:
        super().__init__(f"{fitting} documents fit")
        self.fitting = fitting


def cause_of(error: Exception) -> SyncError:
    """Our error for any exception."""
    if isinstance(error, SyncError):
        return error
    if isinstance(error, PyMongoError):
        return translate(error)
    return Unexplained(f"{type(error).__name__}: {error}"[:500])


def translate(error: PyMongoError) -> SyncError:
    """Our error for one of the driver's."""
    text = _short(error)
    if isinstance(error, BulkWriteError | DuplicateKeyError):
        return TransientError(text)  # of sync's own collections: a concurrent insert
    if isinstance(error, OperationFailure) and not isinstance(error, ExecutionTimeout | WTimeoutError):
        if error.code in HISTORY_LOST:
            return HistoryLost(text)
        if error.code == TOO_LARGE:
            return TooLarge(text)
        if error.code == BEHIND:
            return ConnectionDown(text)
        if error.code in MISCONFIGURED:
            return Misconfigured(text)
        if error.code == NO_ROOM:
            return OutOfRoom(text)
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
    """The driver's text, shortened (error_text.py)."""
    return shorten(str(error))
