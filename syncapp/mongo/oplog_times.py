"""Reads the times of changes, in milliseconds, from the oplog: before MongoDB 6 an event only has its cluster
time, with a resolution of one second."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import bson
import structlog
from bson import DatetimeMS, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.mongo.read_commands import portions
from syncapp.mongo.transaction import session_of

log = structlog.get_logger(__name__)
UNAUTHORIZED = 13
ASK_AGAIN_SECONDS = 60.0  # interval for checking again whether the login may read the oplog
SPARE = 8  # scanned oplog entries per wanted one, before these are read one by one
_AT = b"\x11clusterTime\0"
_POSITION = struct.Struct("<Q")
_ENTRY = struct.Struct("<4x4sQ6sqx")  # BSON of {ts, wall}
_NAMES = (b"\x11ts\0", b"\x09wall\0")
_DATES: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


class OplogTimes:
    """For one side. `database`: any of that server's."""

    def __init__(self, database: Database[Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._oplog = database.client["local"]
        self._clock = clock
        self._forbidden_until = float("-inf")

    def __call__(self, events: Iterable[bytes]) -> Mapping[int, int]:
        """Position → milliseconds by the server's clock, of these events' entries; empty if the login may not read
        the oplog. Raises PyMongoError."""
        if self._clock() < self._forbidden_until:
            return {}
        wanted = sorted(set(filter(None, map(_position_of, events))))
        try:
            return self._find(wanted)
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
        self._forbidden_until = self._clock() + ASK_AGAIN_SECONDS
        log.info(
            "Times of changes have a resolution of one second: the login may not read the oplog",
            event_name="no_oplog",
        )
        return {}

    def _find(self, wanted: list[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        while wanted:
            found |= self._read(wanted[0], wanted[-1], SPARE * (len(wanted) + 10))
            reached = max(found, default=wanted[-1])
            left = [position for position in wanted if position > reached]
            if len(left) * 2 > len(
                wanted
            ):  # far apart in the oplog of a busy server: look each up by the index
                for position in left:
                    found |= self._read(position, position, 1)
                break
            wanted = left
        return found

    def _read(self, first: int, last: int, limit: int) -> dict[int, int]:
        command = {
            "find": "oplog.rs",
            "filter": {"ts": {"$gte": _timestamp(first), "$lte": _timestamp(last)}},
            "projection": {"_id": 0, "ts": 1, "wall": 1},
            "limit": limit,
            "batchSize": limit,
        }
        with session_of(self._oplog) as session:
            return dict(
                entry
                for portion in portions(self._oplog, command, session)
                for entry in map(_entry, portion)
                if entry
            )


def _entry(document: bytes) -> tuple[int, int] | None:
    if len(document) == _ENTRY.size:
        ts, position, wall, time_ms = _ENTRY.unpack(document)
        if (ts, wall) == _NAMES:
            return position, time_ms
    decoded = bson.decode(document, codec_options=_DATES)
    at, made = decoded.get("ts"), decoded.get("wall")
    return (at.time << 32 | at.inc, int(made)) if isinstance(made, DatetimeMS) and at else None


def _position_of(event: bytes) -> int:
    at = event.find(_AT)
    return 0 if at < 0 else int(_POSITION.unpack_from(event, at + len(_AT))[0])


def _timestamp(position: int) -> Timestamp:
    return Timestamp(position >> 32, position & 0xFFFFFFFF)
