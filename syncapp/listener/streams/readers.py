"""The stream readers of a session, one a side: started, filtered anew, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.sources.mongodb import MongoSource
from syncapp.listener.sources.source import Position
from syncapp.listener.streams.events import EventReader, Place
from syncapp.listener.streams.express import AheadSink, BothSink, Express
from syncapp.listener.streams.stream_reader import Sink, StreamReader, StreamStatus
from syncapp.mongo.oplog_times import OplogTimes
from syncapp.store import batches as origin

LOCAL_FETCH = 300  # events; with a hundred the overhead of a fetch counts three times as much


class Readers:
    """`sink` receives what the streams deliver; `to_atlas_time` corrects local times; `superseded`: as `EventReader` has
    it; `first`: patterns of collections that go first, by the rules in force."""

    def __init__(
        self,
        settings: SyncSettings,
        databases: dict[Side, Database[Any]],
        device: str,
        sink: BothSink,
        to_atlas_time: Callable[[int], int],
        intervals: Intervals,
        superseded: Callable[[str], bool],
        first: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._settings = settings
        self._databases = databases
        self._device = device
        self._sink = sink
        self._intervals = intervals
        self._readers: dict[Side, StreamReader] = {}
        self._never = StreamStatus("stopped", since=time.time())
        local = databases[Side.LOCAL]
        self._first = first

        def events_of(side: Side) -> EventReader:
            times = OplogTimes(databases[side])
            return EventReader(
                side, device, to_atlas_time, lambda ids: origin.remembered(local, ids), times, superseded
            )

        self._events_of = events_of
        self._events = {side: events_of(side) for side in BOTH}  # they outlive the streams

    def start(self, points: Mapping[Side, dict[str, Any]], exclusions: Exclusions) -> None:
        """Start reading each of these sides at its token, unless it is being read."""
        for side, token in points.items():
            if side in self._readers:
                continue
            express = Express(partial(self._ahead, side), self._first, self._intervals.overtake)
            events, sink = self._events[side], self._sink
            self._readers[side] = self._reader(side, token, exclusions, events, sink, overtaking=express)
            self._readers[side].start()

    def _ahead(
        self, side: Side, position: Position, place: Place, exclusions: Exclusions, first: tuple[str, ...]
    ) -> StreamReader:
        """Of collections that go first, past the backlog of their side."""
        events = self._events_of(side)
        events.go_back(place)
        opened = f"{side.capitalize()} Change Stream of what goes first started"
        sink = AheadSink(self._sink)
        return self._reader(side, position.token, exclusions, events, sink, first, opened=opened)

    def _reader(
        self,
        side: Side,
        token: Mapping[str, Any],
        exclusions: Exclusions,
        events: EventReader,
        sink: Sink,
        first: tuple[str, ...] = (),
        **others: Any,
    ) -> StreamReader:
        settings = self._settings
        batch_size = LOCAL_FETCH if side is Side.LOCAL else settings.atlas_change_stream_batch_size
        return StreamReader(
            MongoSource(side, self._databases[side], self._device, batch_size, first),
            events,
            sink,
            token=token,
            exclusions=exclusions,
            interval_ms=settings.change_stream_reconnect_interval,
            max_attempts=settings.change_stream_max_reconnect_attempts,
            intervals=self._intervals,
            **others,
        )

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
