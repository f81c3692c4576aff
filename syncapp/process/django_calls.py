"""Django's database for processes that must not block on it: a thread executes the calls one after the other,
and the caller stops waiting after a time limit (a frozen server never answers)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWorking
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.utils import Error

T = TypeVar("T")
PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 1.0  # after a failure: each call would wait as long for a connection again


class DatabaseAway(DatabaseError):
    """Django's database does not answer."""


class DjangoCalls:
    """One per process and purpose: threads and connections do not survive a fork."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._current: Future[Any] | None = None
        self._away_until = 0.0
        self._why = ""

    def call(self, act: Callable[[], T]) -> T:
        """What `act` returns. Raises DatabaseError; DatabaseAway if there was no answer in time, or very recently: then
        it may or may not be executed later."""
        if self._current is not None and not self._current.done():
            raise DatabaseAway("Django's database has not answered yet")
        if time.monotonic() < self._away_until:
            raise DatabaseAway(self._why)
        future: Future[T] = Future()
        self._current = future
        # Log lines of the act belong to the caller's task
        self._calls.put((partial(copy_context().run, act), future))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="Django's database", daemon=True)
            self._thread.start()
        try:
            return future.result(self._patience)
        except StillWorking:
            raise DatabaseAway(f"Django's database has not answered for {self._patience:g} s") from None
        except (OperationalError, InterfaceError) as error:
            self._away_until, self._why = time.monotonic() + PAUSE_SECONDS, str(error)
            raise DatabaseAway(str(error)) from error

    def _work(self) -> None:
        while True:
            act, future = self._calls.get()
            try:
                future.set_result(act())
            except BaseException as error:
                drop_broken_connections(error)
                future.set_exception(error)


def drop_broken_connections(error: BaseException) -> None:
    """A broken connection stays broken: outside of a request Django does not reconnect."""
    if isinstance(error, Error):
        with suppress(Error):
            connections.close_all()
