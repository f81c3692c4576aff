"""Takes what the streams bring: safeguards and figures look at it, then it is dirty."""

from __future__ import annotations

from collections.abc import Callable

from syncapp.core.changes import ChangeBatch
from syncapp.core.values import Side
from syncapp.listener.metrics import MetricsBuffer
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.mongo.errors import HistoryLost


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

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        self._safeguards.look_at(side, batch.changes)  # first: what is halted must not be handed out
        self._safeguards.changed(batch.changes)
        self._metrics.saw(side.other, batch.changes)
        self._dirty.take_in(side, batch)

    def room(self) -> bool:
        return self._dirty.active < self._most_keys

    def somebody_waits(self, side: Side) -> bool:
        return self._dirty.waiting > 0

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        self._history_lost(side, error)
