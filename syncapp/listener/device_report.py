"""The report of this device to the operators of all devices (`store/devices.py`), made of what the listener knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.core.version import VERSION
from syncapp.listener.books import Books
from syncapp.listener.intervals import Intervals
from syncapp.listener.streams.stream_reader import StreamStatus
from syncapp.listener.telemetry.headroom import Headroom
from syncapp.mirror.waiting import waiting
from syncapp.models import RejectedChange
from syncapp.store.devices import DeviceReport, headroom_of, note_stopped, tell
from syncapp.store.instance import device_since
from syncapp.store.stand_by import stand_bys


class ReportMaker:
    """`rules_version`: of the rules in force; None: there are none yet."""

    def __init__(
        self,
        databases: Mapping[Side, Database[Any]],
        device: str,
        books: Books,
        headroom: Headroom,
        streams: Callable[[], Mapping[Side, StreamStatus]],
        rules_version: Callable[[], int | None],
        intervals: Intervals,
    ) -> None:
        self._local, self._atlas = databases[Side.LOCAL], databases[Side.ATLAS]
        self._device = device
        self._books = books
        self._headroom = headroom
        self._streams = streams
        self._rules_version = rules_version
        self._within_s = intervals.devices + intervals.heartbeat
        self._since: dt.datetime | None = None
        self._stand_by: tuple[str, ...] = ()
        self._conflicts: int | None = None
        self._rejected: int | None = None

    def look(self) -> None:
        """At what waits for operators. Raises PyMongoError or DatabaseError: then it is unknown."""
        try:
            counts = waiting().count(), RejectedChange.objects.count()
        except Exception:
            self._conflicts = self._rejected = None
            raise
        self._conflicts, self._rejected = counts
        self._since = self._since or device_since(self._local)
        self._stand_by = stand_bys(self._local, self._books.lease.who.rpartition(":")[0])

    def tell_while_waiting(self) -> None:
        """While it waits for an operator, and no heartbeat is raised. Raises PyMongoError."""
        if self._books.waiting_for:
            tell(self._atlas, self._device, replace(self.report(), within_s=self._within_s))

    def stopped(self) -> None:
        """The session ends in order. Raises PyMongoError."""
        last = self._books.safeguards.heartbeat.seen
        if last is not None:
            note_stopped(self._atlas, self._device, last.nonce)

    def report(self) -> DeviceReport:
        figures, streams = self._books.figures(), self._streams()
        return DeviceReport(
            version=VERSION,
            host=figures.holder,
            since=self._since,
            started_at=figures.started_at,
            pull_lag_ms=figures.pull_lag_ms,
            push_lag_ms=figures.push_lag_ms,
            pending=figures.queue_size,
            conflicts=self._conflicts,
            rejected=self._rejected,
            halts=sum(not halt["answer"] for halt in figures.halts),
            local_stream=streams[Side.LOCAL].state,
            atlas_stream=streams[Side.ATLAS].state,
            clock_offset_ms=figures.clock_offset_ms,
            rules_version=self._rules_version(),
            headroom_s=headroom_of((side, one.sure_s) for side, one in self._headroom.found.items()),
            stand_by=self._stand_by,
            waiting_for=figures.waiting_for,
        )
