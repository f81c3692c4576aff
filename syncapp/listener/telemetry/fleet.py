"""Copies what the other devices report, for this device's alerts; more rarely the more devices there are, since each of them
reads all. Whoever looks at the devices copies for himself."""

from __future__ import annotations

import time
from typing import Any

from pymongo.database import Database

from syncapp.listener.intervals import Intervals
from syncapp.mirror.devices import copy_devices


class Fleet:
    def __init__(self, atlas: Database[Any], intervals: Intervals) -> None:
        self._atlas = atlas
        self._intervals = intervals
        self._next_at = float("-inf")

    def copy_later(self) -> None:
        """Raises PyMongoError or DatabaseError."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._intervals.devices
        count = copy_devices(self._atlas)
        self._next_at = time.monotonic() + max(
            self._intervals.devices, count * self._intervals.heartbeat_fleet_idle
        )
