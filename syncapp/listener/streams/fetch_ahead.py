"""Prefetches the next batches of a change stream on a separate thread while earlier ones are processed."""

from __future__ import annotations

import threading
import time
from queue import Empty, Queue

from syncapp.core.changes import Fetched
from syncapp.listener.sources.source import OpenStream

AHEAD = 2  # batches that wait
END_SECONDS = 0.05


class FetchAhead:
    """For the reader of one open stream, while there is a backlog."""

    def __init__(
        self, stream: OpenStream, wait_ms: int, far_seconds: float, times: int, far_times: int
    ) -> None:
        """`times`: how many times as much a fetch brings; `far_times`: after one that took longer than `far_seconds`."""
        self.active = False  # then the stream must not be used elsewhere
        self._stream = stream
        self._wait_ms, self._far_seconds = wait_ms, far_seconds
        self._times, self._far_times = times, far_times
        self._found: Queue[Fetched | Exception] = Queue(AHEAD)
        self._ended = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Fetch batch after batch until one is not full."""
        self.active = True
        name = f"{threading.current_thread().name}, ahead"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def next(self) -> Fetched:
        """The next batch; the last one ends the prefetching, as does an error, which is raised."""
        found = self._found.get()
        self.active = _goes_on(found)
        if isinstance(found, Exception):
            raise found
        return found

    def end(self) -> None:
        """Discard what was fetched: the stream is reopened at the last processed position."""
        self._ended = True
        while self._thread is not None and self._thread.is_alive():
            try:
                self._found.get(timeout=END_SECONDS)
            except Empty:
                pass

    def _run(self) -> None:
        found: Fetched | Exception
        times = self._times
        while not self._ended:
            began = time.monotonic()
            try:
                found = self._stream.fetch(self._wait_ms, times)
            except Exception as error:
                found = error
            if time.monotonic() - began > self._far_seconds:
                times = self._far_times
            self._found.put(found)
            if not _goes_on(found):
                return


def _goes_on(found: Fetched | Exception) -> bool:
    return isinstance(found, Fetched) and found.full
