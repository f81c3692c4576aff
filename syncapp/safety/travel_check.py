"""The worker's own check for time travel, at each new connection. The listener's heartbeat detects it
too, but seconds later, in which an old version could be mistaken for a new one."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.mongo.connect import NewConnections
from syncapp.mongo.errors import ConnectionDown
from syncapp.store import heartbeat
from syncapp.store.halts import DETAILS, raise_halt


class TravelCheck:
    """`connections`: of both databases' clients."""

    def __init__(
        self, local: Database[Any], atlas: Database[Any], device: str, connections: NewConnections
    ) -> None:
        self._local = local
        self._atlas = atlas
        self._device = device
        self._connections = connections

    def __call__(self) -> None:
        """Called when both sides have been read, before anything is decided. Raises ConnectionDown, which
        counts for no document, or PyMongoError."""
        if not self._connections.made:
            return
        self._connections.made = False
        try:
            kind, _, _ = heartbeat.look(self._local, self._atlas, self._device)
            if kind is not None:
                raise_halt(self._local, kind, DETAILS[kind])
                raise ConnectionDown(DETAILS[kind])
        except (ConnectionDown, PyMongoError):
            self._connections.made = True  # checked again before anything else is decided
            raise
