"""Ordinary traffic beside the fuzz: a document each way, again and again, and how long each waited."""

from __future__ import annotations

import threading
import time
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

PREFIX = "ordinary "
COLLECTIONS = (f"{PREFIX}up".encode(), f"{PREFIX}down".encode())
EVERY = 0.1  # seconds between two
LOOK_SECONDS = 0.01


class Probe(threading.Thread):
    """From one side to the other. `waits`: (when it was written, in seconds of the run; how long it took)."""

    def __init__(self, direction: str, source: Database[Any], target: Database[Any]) -> None:
        super().__init__(name=f"probe {direction}", daemon=True)
        self._source = source[PREFIX + direction]
        self._target = target[PREFIX + direction]
        self.waits: list[tuple[float, float]] = []
        self._began = time.monotonic()
        self._over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._over.wait(EVERY):
            number += 1
            self._one(number)

    def _one(self, number: int) -> None:
        written = time.monotonic()
        try:
            self._source.insert_one({"_id": number})
        except OperationFailure:  # the database is being dropped
            return
        # One that has not arrived at the end has waited until then
        while self._target.find_one({"_id": number}) is None and not self._over.wait(LOOK_SECONDS):
            pass
        self.waits.append((written - self._began, time.monotonic() - written))

    def worst(self) -> tuple[float, float]:
        return max(self.waits, key=lambda wait: wait[1], default=(0.0, 0.0))

    def stop(self) -> None:
        self._over.set()
        if self.is_alive():
            self.join(30)
