"""An event that no reply can hold (its `_id` is too large) would keep a stream from going on for ever. Once one is
suspected, the stream is opened without large events, until it has passed that place."""

from __future__ import annotations

from syncapp.listener.sources.source import Source
from syncapp.mongo.errors import ConnectionDown, SyncError, TooLarge

BROKEN_IN_A_ROW = 3  # connections of the stream, while the server answers on others


class Oversized:
    def __init__(self, source: Source) -> None:
        self.leaves_out = False
        self._source = source
        self._broken = 0

    def failed(self, error: SyncError) -> None:
        """May the next event be one? The server says so, or it closes each connection that asks for it."""
        closed = isinstance(error, ConnectionDown) and self._source.answers()
        self._broken = self._broken + 1 if closed else 0
        if isinstance(error, TooLarge) or self._broken >= BROKEN_IN_A_ROW:
            self.leaves_out = True

    def went_on(self) -> None:
        self._broken = 0

    def passed(self) -> None:
        """The skipped events have been passed."""
        self.leaves_out = False
