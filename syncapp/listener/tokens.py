"""Keeps the lease, and with it the resume tokens: what is saved never passes unfinished work."""

from __future__ import annotations

import threading
import time
from typing import Any

from syncapp.core.values import BOTH, Side
from syncapp.listener import status
from syncapp.listener.dirty_keys import DirtyKeys
from syncapp.store.lease import Lease

IDLE_TOKEN_SECONDS = 10.0  # how often an idle stream's token is saved, so that it stays young


class Tokens:
    """`changed` guards the map of dirty keys."""

    def __init__(
        self, lease: Lease, device: str, dirty: DirtyKeys, changed: threading.Condition, ease: int = 1
    ) -> None:
        """`ease`: so many times as rarely an idle stream's token is saved."""
        self._lease = lease
        self._idle_seconds = IDLE_TOKEN_SECONDS * ease
        self._device = device
        self._dirty = dirty
        self._changed = changed
        self._saved: dict[Side, Any] = {}
        self._saved_at = 0.0
        self._unmirrored: dict[Side, Any] = {}

    def keep(self, at_last: bool = False) -> None:
        """Renew the lease, and save what is safe. Raises LeaseLost, HistoryLost if a token was deleted, or
        another SyncError. `at_last`: of an idle stream too."""
        with self._changed:
            safe = {side: self._dirty.watermarks[side].advance() for side in BOTH}
            idle = not self._dirty.size
        fresh = {side: token for side, token in safe.items() if token and token != self._saved.get(side)}
        # Saving a token writes to the local oplog, which moves the local token: not on and on when idle
        if idle and not at_last and time.monotonic() - self._saved_at < self._idle_seconds:
            fresh = {}
        self._lease.renew(fresh)
        if fresh:
            self._saved |= fresh
            self._saved_at = time.monotonic()
            self._unmirrored = {**self._unmirrored, **fresh}

    def give_up(self, side: Side) -> None:
        """A side is not read any more: save how far it was finished, and forget what is not."""
        with self._changed:
            token = self._dirty.watermarks[side].advance()
        if token:
            self._lease.renew({side: token})
            self._saved[side] = token
        with self._changed:
            self._dirty.forget(side)

    def mirror(self) -> None:
        """Show in Django's database what was saved. Apart from saving, since the lease must not wait for that database.
        Raises DatabaseError."""
        tokens = self._unmirrored
        if tokens:
            status.mirror_tokens(self._device, tokens)
            if self._unmirrored is tokens:  # else there are newer ones
                self._unmirrored = {}
