"""The listener process: become the active listener of the device, or stand by; restart when a session ends. It
raises nothing: what prevents its start is published, and retried without limit."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.conf.settings import SyncSettings
from syncapp.core.values import Batch, Side
from syncapp.listener.intervals import USUAL, Intervals
from syncapp.listener.parts import assemble
from syncapp.listener.safeguards import Halted
from syncapp.listener.session import Session
from syncapp.listener.streams.reconnect import wait_seconds
from syncapp.listener.telemetry.start_trouble import StartTrouble
from syncapp.mongo.check_server import check_server
from syncapp.mongo.error_text import describe, known_side, says_what_fails
from syncapp.mongo.errors import HistoryLost, Misconfigured, NoReplicaSet, SyncError
from syncapp.mongo.sides import connect_side, of_side
from syncapp.rules.rules import Rules
from syncapp.rules.source import ListenersRules
from syncapp.store.format import NewerFormat, check_format
from syncapp.store.instance import instance_id
from syncapp.store.lease import Lease, LeaseLost
from syncapp.store.prepare import prepare
from syncapp.store.stand_by import note_stand_by

log = structlog.get_logger(__name__)
_EXPECTED = (SyncError, PyMongoError, DatabaseError)


class Listener:
    """`send` hands a batch to Celery."""

    def __init__(
        self, settings: SyncSettings, send: Callable[[Batch], None], intervals: Intervals = USUAL
    ) -> None:
        settings.require("MONGODB_URI", "MONGODB_ATLAS_URI", "CELERY_BROKER_URL")
        self._settings = settings
        self._send = send
        self._intervals = intervals.eased(settings.ease)
        self._databases: dict[Side, Database[Any]] = {}
        self._rules = ListenersRules(lambda: self._databases[Side.LOCAL], settings)
        self._trouble = StartTrouble(_process())
        self._failures = 0
        self._stopping = threading.Event()
        self._standing_by = False
        self._noted_at = float("-inf")

    def stop(self) -> None:
        """Ask `run` to end: it saves what is safe, and releases the lease."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until `stop` is called."""
        self._rules.apply_environment()
        while not self._stopping.is_set():
            try:
                self._be_active()
            except Exception as error:
                if not isinstance(error, _EXPECTED):
                    log.exception("Listener failed", event_name="listener_failed")
                self._wait_after(error)
        self._close()

    def _close(self) -> None:
        for database in self._databases.values():
            database.client.close()
        self._databases = {}

    def _wait_after(self, error: Exception) -> None:
        self._failures += 1
        misconfigured = isinstance(error, Misconfigured)
        times = self._intervals
        longest = times.start_again_misconfigured if misconfigured else times.start_again
        interval = self._settings.change_stream_reconnect_interval / 1000
        delay = min(longest, wait_seconds(self._failures, interval, times))
        text = _why(error)
        log.warning("Listener restarts", event_name="start_over", error=text, next_in_ms=round(1000 * delay))
        if not isinstance(error, LeaseLost | HistoryLost | Halted):
            self._trouble.happened(text, delay)
        if misconfigured:
            self._close()  # a client keeps treating a once stand-alone server as one
        self._stopping.wait(delay)

    def _has_begun(self) -> None:
        self._failures = 0
        self._trouble.over()

    def _be_active(self) -> None:
        """Acquire the lease and work until it is lost; without it, wait a moment."""
        local = self._connect(Side.LOCAL)
        with of_side(local):
            lease = Lease(local, f"{_process()}:{uuid.uuid4().hex[:8]}", self._settings.sync_lease_duration)
            check_server(Side.LOCAL, local, self._settings.mongodb_uri)
            check_format(local)
            if not lease.acquire():
                self._stand_by(lease)
                return
        self._standing_by = False
        try:
            device, rules = self._prepare(lease)
        except BaseException:
            lease.give_back()
            raise
        direction = (
            "both directions"
            if rules.enabled
            else "one-way, local to Atlas (BIDIRECTIONAL_SYNC_ENABLED=true enables pulls)"
        )
        log.info(
            "Sync started",
            event_name="sync_starts",
            direction=direction,
            paused=rules.paused,
            strategy=rules.strategy,
        )
        parts = assemble(
            self._settings, self._databases, device, lease, self._send, self._rules.load, self._intervals
        )
        Session(parts).run(self._stopping, self._has_begun)

    def _stand_by(self, lease: Lease) -> None:
        if not self._standing_by:
            log.info("Another listener is active; standing by", event_name="stand_by", holder=lease.holder())
        self._standing_by = True
        self._has_begun()
        if time.monotonic() - self._noted_at >= self._intervals.stand_by_note:
            note_stand_by(self._databases[Side.LOCAL], _process())
            self._noted_at = time.monotonic()
        self._stopping.wait(self._intervals.stand_by)

    def _prepare(self, lease: Lease) -> tuple[str, Rules]:
        """The device, and the current rules. Raises SyncError, PyMongoError or DatabaseError."""
        local = self._databases[Side.LOCAL]
        with of_side(local):
            device = instance_id(local)
        log.info("Instance ID", event_name="instance", instance_id=device, epoch=lease.epoch)
        atlas = self._connect(Side.ATLAS)
        with of_side(atlas):
            check_server(Side.ATLAS, atlas, self._settings.mongodb_atlas_uri)
            prepare(local, atlas, self._settings.origin_tracking_keep_hours)
        return device, self._rules.load()

    def _connect(self, side: Side) -> Database[Any]:
        """Connected on demand: a mongodb+srv name is resolved then, and may not be resolvable yet."""
        if side not in self._databases:
            local = side is Side.LOCAL
            uri = self._settings.mongodb_uri if local else self._settings.mongodb_atlas_uri
            self._databases[side] = connect_side(side, uri, "listener", self._settings.sync_socket_timeout)
        return self._databases[side]


def _why(error: Exception) -> str:
    if isinstance(error, NoReplicaSet | NewerFormat):
        return str(error)
    side = known_side(error)
    if side is not None:
        return says_what_fails(side, error)
    text = describe(error)
    return f"Django's database cannot be used: {text}" if isinstance(error, DatabaseError) else text


def _process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
