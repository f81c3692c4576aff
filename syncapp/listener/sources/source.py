"""What the listener reads one side's changes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from syncapp.core.changes import Fetched
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side


@dataclass(frozen=True, slots=True)
class Position:
    """After everything that was passed on. `token`: as the last fetch had it. `after_invalidate`: the stream itself has
    ended there."""

    token: Mapping[str, Any]
    after_invalidate: bool = False


class OpenStream(Protocol):
    """Delivers events in order, each once. Used by one thread at a time."""

    def fetch(self, wait_ms: int, times: int = 1) -> Fetched:
        """The next events, `times` as many as usual; after `wait_ms` without any, none. Raises SyncError: HistoryLost if
        they are there no more, TooLarge if the next one cannot be sent; or PyMongoError."""

    def close(self) -> None:
        """Raises nothing."""


class Source(Protocol):
    """One side's changes, from whatever position on, as events that `EventReader` understands."""

    @property
    def side(self) -> Side: ...

    def open(self, position: Position, exclusions: Exclusions, *, without_large: bool = False) -> OpenStream:
        """Read on after this position, without what is excluded. `without_large`: and without events that could be too
        large to be sent. Raises as `fetch` does."""

    def answers(self) -> bool:
        """Can the server be reached, whatever the stream says?"""
