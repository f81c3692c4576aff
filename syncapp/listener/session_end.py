"""Whether the session is over, and because of what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.listener.safeguards import Halted
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import HistoryLost
from syncapp.store.lease import LeaseLost
from syncapp.store.tokens import forget_token

log = structlog.get_logger(__name__)


class SessionEnd:
    def __init__(self, local: Database[Any], wake: Callable[[], None]) -> None:
        """`wake` lets the main thread see it at once."""
        self.error: Exception | None = None
        self._local = local
        self._wake = wake
        self._over = threading.Event()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """True: it is over."""
        return self._over.wait(seconds)

    def come(self, error: Exception | None = None) -> None:
        """The first error is the reason."""
        self.error = self.error or error
        self._over.set()
        self._wake()

    def is_fatal(self, error: Exception) -> bool:
        """Then the session is over: another listener, or a later session, goes on."""
        if isinstance(error, LeaseLost | HistoryLost | Halted):
            self.come(error)
            return True
        return False

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        """A stream cannot be resumed."""
        # If the token cannot be deleted the next session gets the same error and tries again; this one
        # must end in any case, since it has no reader any more
        try_to(partial(forget_token, self._local, side))
        self.come(error)


def try_to(act: Callable[[], object]) -> None:
    """An error is only logged."""
    try:
        act()
    except Exception as error:
        log.warning("Step failed", event_name="not_done", error=describe(error))
