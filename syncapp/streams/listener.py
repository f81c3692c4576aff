"""The listener process: become the active listener of the device, or stand by; start over when a
session ends. It raises nothing but what only a person can mend."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.bulk import start
from syncapp.conf import SyncSettings
from syncapp.engine.connect import connect
from syncapp.engine.errors import Misconfigured, SyncError, translate
from syncapp.engine.origin import instance_id
from syncapp.engine.values import Batch, Side
from syncapp.rules.rules import load_rules
from syncapp.streams.lease import Lease
from syncapp.streams.reconnect import wait_ms
from syncapp.streams.session import Session

log = structlog.get_logger(__name__)
STAND_BY_SECONDS = 1.0


class Listener:
    """`send` hands a batch to Celery."""

    def __init__(self, settings: SyncSettings, send: Callable[[Batch], None]) -> None:
        settings.require("MONGODB_URI", "MONGODB_ATLAS_URI", "CELERY_BROKER_URL")
        self._settings = settings
        self._send = send
        self._databases: dict[Side, Database[Any]] = {
            Side.LOCAL: connect(settings.mongodb_uri, "listener", settings.sync_socket_timeout),
            Side.ATLAS: connect(settings.mongodb_atlas_uri, "listener", settings.sync_socket_timeout),
        }
        self._stopping = threading.Event()
        self._standing_by = False

    def stop(self) -> None:
        """Ask `run` to end: it saves what is safe, and gives the lease back."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until `stop` is called. Raises Misconfigured if only a person can help."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self._be_active()
                failures = 0
            except Misconfigured:
                raise
            except (SyncError, PyMongoError, DatabaseError) as raised:
                error = translate(raised) if isinstance(raised, PyMongoError) else raised
                if isinstance(error, Misconfigured):
                    raise error from raised
                failures += 1
                delay = wait_ms(failures, self._settings.change_stream_reconnect_interval)
                log.warning(
                    "Listener starts over", event_name="start_over", error=str(error), next_in_ms=round(delay)
                )
                self._stopping.wait(delay / 1000)
        for database in self._databases.values():
            database.client.close()

    def _be_active(self) -> None:
        """Take the lease and work until it is lost; without it, wait a moment."""
        local = self._databases[Side.LOCAL]
        lease = Lease(local, _holder(), self._settings.sync_lease_duration)
        start.check_server(Side.LOCAL, local)
        if not lease.acquire():
            if not self._standing_by:
                log.info(
                    "Another listener is active; standing by", event_name="stand_by", holder=lease.holder()
                )
            self._standing_by = True
            self._stopping.wait(STAND_BY_SECONDS)
            return
        self._standing_by = False
        try:
            device = instance_id(local)
            log.info("Instance ID", event_name="instance", instance_id=device, epoch=lease.epoch)
            start.check_server(Side.ATLAS, self._databases[Side.ATLAS])
            start.prepare(local, self._databases[Side.ATLAS], self._settings.origin_tracking_keep_hours)
            rules = load_rules(local)
        except BaseException:
            lease.give_back()
            raise
        direction = (
            "both directions"
            if rules.enabled
            else "one-way, local to Atlas (BIDIRECTIONAL_SYNC_ENABLED=true enables pulls)"
        )
        log.info(
            "Sync starts",
            event_name="sync_starts",
            direction=direction,
            paused=rules.paused,
            strategy=rules.strategy,
        )
        Session(self._settings, self._databases, device, lease, self._send).run(self._stopping)


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
