"""Which collections cannot be synchronised now: looked at now and then, and when a worker finds one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from syncapp.compare.refusal_watch import RefusalWatch
from syncapp.core.values import Side
from syncapp.listener.intervals import Intervals


class Refused:
    def __init__(self, databases: Mapping[Side, Database[Any]], intervals: Intervals) -> None:
        self._watch = RefusalWatch(databases[Side.LOCAL], databases[Side.ATLAS])
        self._intervals = intervals
        self._asked = threading.Event()
        self._stopped = False

    @property
    def found(self) -> Mapping[str, str]:
        """Collection → why."""
        return self._watch.found

    def look(self) -> None:
        """Raises PyMongoError."""
        self._watch.look()

    def met(self, collection: str) -> None:
        """A worker found that it cannot write to a collection."""
        if collection not in self.found:
            self._asked.set()

    def look_later(self) -> None:
        """Periodically, or when a worker has found one. Raises PyMongoError."""
        self._asked.wait(self._intervals.refusals)
        self._asked.clear()
        if not self._stopped:
            self._watch.look()

    def stop(self) -> None:
        """It would wait for long."""
        self._stopped = True
        self._asked.set()
