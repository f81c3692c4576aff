"""A source of a few lines, for the reader's tests: batches one after the other, and errors at some of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from syncapp.core.changes import Fetched
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.sources.source import Position


class FakeSource:
    """A position is the number of batches before it."""

    side = Side.ATLAS

    def __init__(self, *batches: Sequence[bytes], errors: dict[int, list[Exception]] | None = None) -> None:
        self.batches = list(batches)
        self.errors = errors or {}  # at this position, one after the other
        self.answering = True
        self.opened: list[tuple[Position, Exclusions, bool]] = []
        self.waits: list[int] = []  # for how long it was asked, in milliseconds
        self.closed = 0
        self._at = 0

    def open(self, position: Position, exclusions: Exclusions, *, without_large: bool = False) -> FakeSource:
        self.opened.append((position, exclusions, without_large))
        self._at = position.token["n"]
        return self

    def fetch(self, wait_ms: int, times: int = 1) -> Fetched:
        self.waits.append(wait_ms)
        events: Sequence[bytes] = ()
        if self.errors.get(self._at):
            raise self.errors[self._at].pop(0)
        if self._at < len(self.batches):
            events = self.batches[self._at]
            self._at += 1
        else:
            time.sleep(0.001)
        now = self._at << 32
        return Fetched(list(events), {"n": self._at}, now, now, time.monotonic(), bool(events))

    def close(self) -> None:
        self.closed += 1

    def answers(self) -> bool:
        return self.answering
