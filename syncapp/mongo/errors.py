"""Errors sorted by what helps, and the one place that turns the driver's errors into ours."""

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
# A position that the oplog does not hold any more, or a token that the server cannot use
HISTORY_LOST = frozenset({286, 280, 260, 136})
TOO_LARGE = 10334  # a reply, or an entry of the oplog
# Asked for a read after a time that this server has not reached: a primary that was deposed, or put back
BEHIND = 72
# Not the right login or privileges, or not a replica set: only a person can help
MISCONFIGURED = frozenset({13, 18, 8000, 40573})
NO_ROOM = 14031  # its disk is full
# The primary stepped down, the server shuts down, the catalogue changed since the snapshot, …
TRANSIENT = frozenset({
    6, 7, 24, 43, 50, 64, 89, 91, 112, 133, 134, 189, 202, 225, 237, 244, 246, 251, 262, 290, 9001, 10107,
    11600, 11602, 13435, 13436,
})  # fmt: skip


class SyncError(Exception):
    """Anything that stops a piece of sync work."""


class TransientError(SyncError):
    """Passes by itself: try again, after a while."""


class ConnectionDown(TransientError):
    """A server cannot be reached. Try again for ever: it is no document's fault."""


class HistoryLost(SyncError):
    """A change stream cannot be resumed at its token: compare both sides instead."""


class TooLarge(SyncError):
    """The server would have to answer, or to note, more than a document can hold."""


class Misconfigured(SyncError):
    """The server refuses what sync needs (login, privileges, replica set): a person must help."""


class NoReplicaSet(Misconfigured):
    """The server is no replica set that sync can use. The text, which is shown in full, says what to do."""


class OutOfRoom(SyncError):
    """The server takes nothing more, of whatever document: a person must make room."""


class RulesOutOfDate(TransientError):
    """This process reads older rules than those that its work was handed out by."""


class DocumentRefused(SyncError):
    """The target refuses one document. It is taken out; the others go on.

    `unique_value`: what a unique index holds already, as BSON of {path: value}; empty: no such index is the reason.
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
        """Is it refused because another document holds a unique value that it brings?"""
        return self.code == DUPLICATE_KEY and not self.is_there

    @property
    def is_there(self) -> bool:
        """Is it refused because a document with its `_id` is there?"""
        if self.code != DUPLICATE_KEY or not self.unique_value:
            return False
        return [name for _, name, _ in elements(self.unique_value)] == [b"_id"]


class CollectionRefused(SyncError):
    """The target refuses to have a collection of this name: all documents that need it are refused."""

    def __init__(self, reason: str, code: int | None) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


class Unexplained(SyncError):
    """What nobody thought of: a value that Python or the driver cannot hold, or a fault of sync itself."""


class BatchTooLarge(SyncError):
    """The documents of a batch have more bytes than one transaction should write: cut it in smaller ones.

    `fitting`: so many of them had not too many bytes.
    """

    def __init__(self, fitting: int) -> None:
        super().__init__(f"{fitting} documents fit")
        self.fitting = fitting


def cause_of(error: Exception) -> SyncError:
    """Our error for any."""
    if isinstance(error, SyncError):
        return error
    if isinstance(error, PyMongoError):
        return translate(error)
    return Unexplained(f"{type(error).__name__}: {error}"[:500])


def translate(error: PyMongoError) -> SyncError:
    """Our error for one of the driver's."""
    text = _short(error)
    if isinstance(error, BulkWriteError | DuplicateKeyError):
        return TransientError(text)  # of sync's own collections: somebody else was first
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
    """The driver's text without what no operator reads (error_text.py)."""
    return shorten(str(error))
