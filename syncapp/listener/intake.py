"""Takes what the streams bring: safeguards and figures look at it, then it is dirty."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from syncapp.core.changes import ChangeBatch, Found
from syncapp.core.values import BOTH, Side
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.mongo.errors import HistoryLost

AHEAD_SHARE = 4  # so many times as much may come of a stream as is read ahead of it


class Intake:
    """What `StreamReader` calls a sink."""

    def __init__(
        self,
        dirty: DirtyKeys,
        safeguards: Safeguards,
        metrics: MetricsBuffer,
        most_keys: int,
        history_lost: Callable[[Side, HistoryLost], None],
    ) -> None:
        """`most_keys`: that are dirty and do not wait for a stream; at more nothing is read."""
        self._dirty = dirty
        self._safeguards = safeguards
        self._metrics = metrics
        self._most_keys = most_keys
        self._history_lost = history_lost
        self._receiving = {side: threading.Lock() for side in BOTH}  # a change that comes twice counts once

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        with self._receiving[side]:
            self._look_at(side, self._dirty.unknown(side, batch.changes))
            self._dirty.take_in(side, batch)

    def receive_ahead(self, side: Side, batch: ChangeBatch) -> None:
        """What was read past a backlog (`express.py`)."""
        with self._receiving[side]:
            batch = self._dirty.ahead(side, batch)
            self._look_at(side, batch.changes)
            self._dirty.take_ahead(side, batch)

    def _look_at(self, side: Side, changes: Sequence[Found]) -> None:
        self._safeguards.look_at(side, changes)  # first: what is halted must not be handed out
        self._safeguards.changed(changes)
        self._metrics.saw(side.other, changes)

    def room(self) -> bool:
        return self._dirty.room(self._most_keys, self._most_keys // AHEAD_SHARE)[0]

    def room_ahead(self) -> bool:
        return self._dirty.room(self._most_keys, self._most_keys // AHEAD_SHARE)[1]

    def somebody_waits(self, side: Side) -> bool:
        return self._dirty.waiting > 0

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        self._history_lost(side, error)
