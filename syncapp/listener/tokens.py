"""Renews the lease and saves the resume tokens: what is saved never passes unfinished work."""

from __future__ import annotations

import time
from typing import Any

from syncapp.core.values import Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.telemetry import status
from syncapp.store.lease import Lease


class Tokens:
    def __init__(self, lease: Lease, device: str, dirty: DirtyKeys, intervals: Intervals) -> None:
        self._lease = lease
        self._device = device
        self._dirty = dirty
        self._intervals = intervals
        self._saved: dict[Side, Any] = {}
        self._saved_at = 0.0
        self._unmirrored: dict[Side, Any] = {}

    def keep(self, at_last: bool = False) -> None:
        """Renew the lease, and save what is safe. Raises LeaseLost, HistoryLost if a token was deleted, or
        another SyncError. `at_last`: of an idle stream too."""
        tokens, idle = self._dirty.safe()
        fresh = {side: token for side, token in tokens.items() if token and token != self._saved.get(side)}
        # Saving a token writes to the local oplog, which advances the local token: avoid the loop when idle
        if idle and not at_last and time.monotonic() - self._saved_at < self._intervals.idle_token:
            fresh = {}
        self._lease.renew(fresh)
        if fresh:
            self._saved |= fresh
            self._saved_at = time.monotonic()
            self._unmirrored = {**self._unmirrored, **fresh}

    def give_up(self, side: Side) -> None:
        """A side is no longer read: save its progress, and drop unfinished work."""
        token = self._dirty.safe().tokens[side]
        if token:
            self._lease.renew({side: token})
            self._saved[side] = token
        self._dirty.forget(side)

    def mirror(self) -> None:
        """Mirror the saved tokens to Django's database. Separately, since the lease must not wait for that database.
        Raises DatabaseError."""
        tokens = self._unmirrored
        if tokens:
            status.mirror_tokens(self._device, tokens)
            if self._unmirrored is tokens:  # otherwise there are newer ones
                self._unmirrored = {}
