"""A change stream on a database, read by raw commands, so that the end of every fetched batch and
its token are known: keys are dispatched at once when a batch is empty, and positions are proved by tokens.

Events are projected to the needed fields, so that none can be too large: they contain no documents.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

from bson import Timestamp
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.changes import Fetched
from syncapp.mongo.errors import HistoryLost, SyncError, translate
from syncapp.mongo.read_commands import RAW, portion_of
from syncapp.mongo.transaction import ready_connections

# An event's token holds all of `documentKey` (the `_id`, and whatever else a shard key adds) once more, as hexadecimal
# digits, and a reply may hold the last token twice
LARGEST_KEY = 1_000_000  # bytes
WITHOUT_LARGE_KEYS = {
    "$match": {"$expr": {"$lt": [{"$bsonSize": {"$ifNull": ["$documentKey", {}]}}, LARGEST_KEY]}}
}


class ChangeStream:
    """An open change stream. Every method raises SyncError for errors of server or network."""

    def __init__(self, database: Database[Any], batch_size: int) -> None:
        self._database = database
        self._batch_size = batch_size
        self._session = database.client.start_session(causal_consistency=False)
        self._cursor_id = Int64(0)
        self._first: Fetched | None = None
        self._stages: list[dict[str, Any]] = []
        self._after: Mapping[str, Any] | None = None  # the token to resume after, until the first event
        self._skipped_to = ""  # end of the events that a start by time repeats
        self.start_token: dict[str, Any] = {}  # where the stream was opened

    @classmethod
    def open(
        cls,
        database: Database[Any],
        stages: list[dict[str, Any]],
        batch_size: int,
        token: Mapping[str, Any] | None,
        after_invalidate: bool = False,
        narrower: bool = False,
    ) -> Self:
        """Open a stream after `token`, or from now on if there is none. The token may come from another pipeline:
        see `_start_by_time`. `narrower`: it does, and this one's filter lets little through: the server would look for the token's event
        to the end of the oplog."""
        stream = cls(database, batch_size)
        stream._stages = stages
        stream._after = None if after_invalidate else token
        start = {} if token is None else {"startAfter" if after_invalidate else "resumeAfter": dict(token)}
        try:
            try:
                if not (narrower and stream._start_by_time()):
                    stream._first = stream._started(start)
            except HistoryLost:
                if not stream._start_by_time():
                    raise
            stream.start_token = stream._first.token if stream._first else {}
        except SyncError:
            stream.close()
            raise
        return stream

    def _started(self, start: dict[str, Any]) -> Fetched:
        command = {
            "aggregate": 1,
            "pipeline": [{"$changeStream": start}, *self._stages],
            "cursor": {"batchSize": self._batch_size},
            "readConcern": {"level": "majority"},
        }
        return self._fetched(self._run(command))

    def _start_by_time(self) -> bool:
        """Continue at the time of the token's event; False: its history is lost.

        MongoDB 6 and newer apply the pipeline's filter to the oplog itself, and then do not find the token's own event
        if the filter no longer matches it: a collection was excluded, a device has a new id, a newer
        Isthmus has a narrower filter. The position is not lost: without a filter it is found.
        """
        token, self._after = self._after, None
        if token is None or not is_in_history(self._database, token):
            return False
        self._end_cursor()
        position = token_position(token)
        self._skipped_to = token["_data"]
        self._first = self._started(
            {"startAtOperationTime": Timestamp(position >> 32, position & 0xFFFFFFFF)}
        )
        return True

    def fetch(self, wait_ms: int, times: int = 1) -> Fetched:
        """The next batch of events, `times` as large as usual; after `wait_ms` without any, an empty one."""
        try:
            return self._next(wait_ms, times)
        except HistoryLost:
            if not self._start_by_time():
                raise
            return self._next(wait_ms, times)

    def _next(self, wait_ms: int, times: int) -> Fetched:
        if self._first is not None:
            first, self._first = self._first, None
            if first.events:
                return first
        command = {
            "getMore": self._cursor_id,
            "collection": "$cmd.aggregate",
            "batchSize": times * self._batch_size,
            "maxTimeMS": wait_ms,
        }
        return self._fetched(self._run(command), times)

    def close(self) -> None:
        """End the stream on the server, if it can be reached."""
        self._end_cursor()
        try:
            self._session.end_session()
        except PyMongoError:
            pass  # the server closes it after a timeout

    def _end_cursor(self) -> None:
        try:
            if self._cursor_id:
                command = {"killCursors": "$cmd.aggregate", "cursors": [self._cursor_id]}
                self._database.command(command, session=self._session, codec_options=RAW)
        except PyMongoError:
            pass  # the server closes it after a timeout
        self._cursor_id = Int64(0)

    def _run(self, command: dict[str, Any]) -> RawBSONDocument:
        try:
            with ready_connections(self._database.client):
                return self._database.command(command, session=self._session, codec_options=RAW)
        except PyMongoError as error:
            raise translate(error) from error

    def _fetched(self, reply: RawBSONDocument, times: int = 1) -> Fetched:
        self._cursor_id, events, token = portion_of(reply)
        proved = token_position(token)
        is_event = bool(events) and RawBSONDocument(events[-1])["_id"]["_data"] == token["_data"]
        # An event at T proves what was before T; the token of an empty batch proves T itself
        read_to = proved - 1 if events or self._skipped_to else proved
        full = len(events) >= times * self._batch_size
        if events:
            self._after = None  # its position was found
            if self._skipped_to:
                events = self._without_known(events)
        server_time = _position(reply["operationTime"])
        return Fetched(events, token, read_to, server_time, time.monotonic(), is_event, full)

    def _without_known(self, events: list[bytes]) -> list[bytes]:
        """Skip events that a start by time repeats. Tokens sort like their texts."""
        new = [event for event in events if RawBSONDocument(event)["_id"]["_data"] > self._skipped_to]
        if new:
            self._skipped_to = ""
        return new


def is_in_history(database: Database[Any], token: Mapping[str, Any]) -> bool:
    """Does the server find this token's event? Raises SyncError for errors unrelated to the token."""
    try:
        stream = ChangeStream(database, 1)
        try:
            stream._stages = [{"$project": {"_id": 1}}]
            stream._started({"resumeAfter": dict(token)})
            stream._next(10, 1)
        finally:
            stream.close()
    except HistoryLost:
        return False
    return True


def token_position(token: Mapping[str, Any]) -> int:
    """The cluster time in a resume token: after its type byte 0x82 come seconds and increment, 4 bytes
    each. Raises ValueError for what is not such a token."""
    data = token.get("_data")
    if not isinstance(data, str) or not data.startswith("82") or len(data) < 18:
        raise ValueError("not a resume token")
    return int(data[2:18], 16)


def _position(timestamp: Timestamp) -> int:
    return timestamp.time << 32 | timestamp.inc
