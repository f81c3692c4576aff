"""The stream readers of a session, one a side: started, filtered anew, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.core.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.listener.events import EventReader
from syncapp.listener.intervals import Intervals
from syncapp.listener.sources.mongodb import MongoSource
from syncapp.listener.stream_reader import Sink, StreamReader, StreamStatus
from syncapp.mongo.oplog_times import OplogTimes
from syncapp.store import batches as origin

LOCAL_FETCH = 300  # events; with a hundred the overhead of a fetch counts three times as much


class Readers:
    """`sink` receives what the streams deliver; `to_atlas_time` corrects local times; `superseded`: as `EventReader` has
    it."""

    def __init__(
        self,
        settings: SyncSettings,
        databases: dict[Side, Database[Any]],
        device: str,
        sink: Sink,
        to_atlas_time: Callable[[int], int],
        intervals: Intervals,
        superseded: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._databases = databases
        self._device = device
        self._sink = sink
        self._intervals = intervals
        self._readers: dict[Side, StreamReader] = {}
        self._never = StreamStatus("stopped", since=time.time())
        local = databases[Side.LOCAL]
        # They outlive the streams
        self._events = {
            side: EventReader(
                side,
                device,
                to_atlas_time,
                lambda ids: origin.remembered(local, ids),
                OplogTimes(databases[side]),
                superseded,
            )
            for side in BOTH
        }

    def start(self, points: Mapping[Side, dict[str, Any]], exclusions: Exclusions) -> None:
        """Start reading each of these sides at its token, unless it is being read."""
        settings = self._settings
        for side, token in points.items():
            if side in self._readers:
                continue
            batch_size = LOCAL_FETCH if side is Side.LOCAL else settings.atlas_change_stream_batch_size
            self._readers[side] = reader = StreamReader(
                MongoSource(side, self._databases[side], self._device, batch_size),
                self._events[side],
                self._sink,
                token=token,
                exclusions=exclusions,
                interval_ms=settings.change_stream_reconnect_interval,
                max_attempts=settings.change_stream_max_reconnect_attempts,
                intervals=self._intervals,
            )
            reader.start()

    @property
    def sides(self) -> tuple[Side, ...]:
        return tuple(self._readers)

    def all(self) -> Iterable[StreamReader]:
        return list(self._readers.values())

    def statuses(self) -> dict[Side, StreamStatus]:
        return {side: self._readers[side].status if side in self._readers else self._never for side in BOTH}

    def filter(self, exclusions: Exclusions, wait: Callable[[float], bool]) -> bool:
        """Have Atlas's stream read with these exclusions. False: it is not open with them in time.

        `wait(seconds)` is True if the session is over."""
        for reader in self._readers.values():
            if not reader.reads_with(exclusions):
                reader.change_exclusions(exclusions)
        deadline = time.monotonic() + self._intervals.filter
        atlas = self._readers.get(Side.ATLAS)
        while atlas is not None and not atlas.reads_with(exclusions):
            if time.monotonic() > deadline or wait(self._intervals.room):
                return False
        return True

    def stop(self, side: Side) -> None:
        """Stop reading a side, and wait until it delivers nothing more."""
        reader = self._readers.pop(side, None)
        if reader is not None:
            reader.stop()
            reader.join()

    def stop_all(self) -> None:
        for reader in self._readers.values():
            reader.stop()

    def join_all(self, timeout: float) -> None:
        for reader in self._readers.values():
            if reader.is_alive():
                reader.join(timeout)
