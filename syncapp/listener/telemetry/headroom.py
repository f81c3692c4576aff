"""How long each side may be away before its history is lost, measured every few minutes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.core.headroom import HOUR, Forecast, How, Past, forecast, remember, thin
from syncapp.core.values import Side
from syncapp.listener.intervals import Intervals
from syncapp.mongo.oplog_window import oldest_reachable_s, read_window
from syncapp.mongo.sides import of_side
from syncapp.store import headroom as record
from syncapp.store.instance import device_since

# At which of them a stream can still be opened is looked for where the login may not read the oplog
AGES_S = tuple(hours * HOUR for hours in (0.25, 0.5, 1, 2, 3, 6, 12, 18, 24, 36, 48, 72, 120, 168, 336, 720))


@dataclass(frozen=True, slots=True)
class Measured:
    """`at`: seconds since 1970 by this computer's clock. `forecast`: None: it cannot be told yet. `past`: those of a week."""

    at: float
    forecast: Forecast | None
    past: Past = ()

    @property
    def seconds(self) -> float | None:
        return self.forecast.seconds if self.forecast else None

    @property
    def sure_s(self) -> float | None:
        """The same if enough is known to judge it: other devices do."""
        return self.forecast.seconds if self.forecast and self.forecast.sure else None

    def as_document(self) -> dict[str, Any]:
        """As the mirror in Django has it."""
        one = self.forecast
        return {
            "at": self.at,
            "seconds": one.seconds if one else None,
            "how": str(one.how) if one else str(How.ESTIMATED),
            "sure": bool(one and one.sure),
            "windowSeconds": one.window_s if one else None,
            "past": [list(point) for point in self.past],
        }


class Headroom:
    def __init__(
        self,
        databases: dict[Side, Database[Any]],
        intervals: Intervals,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.found: dict[Side, Measured] = {}
        self._databases = databases
        self._intervals = intervals
        self._clock = clock
        self._kept = record.Oplogs()
        self._looked_at = float("-inf")

    def look_later(self) -> None:
        """Every few minutes. Raises PyMongoError."""
        if time.monotonic() - self._looked_at >= self._intervals.oplogs:
            self._looked_at = time.monotonic()
            self.look()

    def look(self) -> None:
        """Raises PyMongoError if a side cannot be asked: then its last figure stays, with its time."""
        local = self._databases[Side.LOCAL]
        if not self._kept.samples:
            self._kept = record.load(local)
            self.found = {side: self._remembered(side) for side, known in self._kept.samples.items() if known}
        self._measure(Side.LOCAL)
        try:
            self._measure(Side.ATLAS)
        finally:
            record.save(local, self._kept)

    def _remembered(self, side: Side) -> Measured:
        """What the last session knew: it started again while this side is away, which is when it matters."""
        samples = self._kept.samples[side]
        return Measured(samples[-1].at, forecast(samples), self._kept.past[side])

    def _measure(self, side: Side) -> None:
        with of_side(self._databases[side]):
            found = self._forecast(side, self._databases[side])
        now = self._clock()
        if found is not None:
            self._kept.past[side] = remember(self._kept.past[side], now, found.seconds)
        self.found = {**self.found, side: Measured(now, found, self._kept.past[side])}

    def _forecast(self, side: Side, database: Database[Any]) -> Forecast | None:
        sample = read_window(database)
        if sample is None:
            self._kept.samples[side] = []
            return self._estimated(database)
        self._kept.samples[side] = thin([*self._kept.samples[side], sample])
        return forecast(self._kept.samples[side])

    def _estimated(self, database: Database[Any]) -> Forecast | None:
        """No further back than this database is a device: before, nothing says whether the oplog was full."""
        since = device_since(self._databases[Side.LOCAL])
        age_s = self._clock() - since.timestamp() if since else 0.0
        ages_s = [one for one in AGES_S if one <= age_s]
        reach_s = oldest_reachable_s(database, ages_s)
        if not reach_s:
            return None if not ages_s else Forecast(AGES_S[0], How.ESTIMATED, sure=True)
        return Forecast(reach_s, How.ESTIMATED, sure=reach_s < ages_s[-1])
