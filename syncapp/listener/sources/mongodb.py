"""The source that reads a MongoDB server's own change stream."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.sources.source import Position
from syncapp.mongo.change_stream import WITHOUT_LARGE_KEYS, ChangeStream
from syncapp.store.stream import pipeline


class MongoSource:
    def __init__(
        self, side: Side, database: Database[Any], device: str, batch_size: int, first: tuple[str, ...] = ()
    ) -> None:
        """`device`: whose heartbeats are wanted too. `batch_size`: events that a fetch brings. `first`: see `pipeline`."""
        self.side = side
        self._database = database
        self._device = device
        self._batch_size = batch_size
        self._first = first

    def open(
        self, position: Position, exclusions: Exclusions, *, without_large: bool = False
    ) -> ChangeStream:
        name = self._database.name
        stages = pipeline(self.side, exclusions, self._device, self._first, name)
        if without_large:
            stages.insert(0, WITHOUT_LARGE_KEYS)
        return ChangeStream.open(
            self._database,
            stages,
            self._batch_size,
            position.token,
            position.after_invalidate,
            bool(self._first),
        )

    def answers(self) -> bool:
        try:
            self._database.command("ping")
        except PyMongoError:
            return False
        return True
