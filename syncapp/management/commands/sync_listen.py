"""The listener process: reads both change streams and dispatches their keys to the apply workers."""

from __future__ import annotations

import signal
from typing import Any

import structlog

from syncapp.apply.messages import encode_batch
from syncapp.apply.queues import QUEUES
from syncapp.conf.settings import SettingsError, get_settings
from syncapp.core.values import Batch
from syncapp.listener.listener import Listener
from syncapp.management.command import SyncCommand
from syncapp.process import memory
from syncapp.tasks.apply import apply_changes
from syncapp.tasks.beat import Beat
from syncproject.celery import app

log = structlog.get_logger(__name__)
MISCONFIGURED = 2


def send(batch: Batch) -> None:
    """Send a batch to the apply workers, as a task in the queue of its direction."""
    apply_changes.apply_async(
        args=(encode_batch(batch),), task_id=batch.task_id, queue=QUEUES[batch.side], retry=False
    )


class Command(SyncCommand):
    help = "Read both change streams and dispatch their changes to the apply workers, until stopped."
    by_hand = False
    examples = {
        "": "until Ctrl-C; `make run` starts it with everything else",
    }
    requires_system_checks = ()  # they concern web pages

    def handle(self, *args: Any, **options: Any) -> None:
        memory.set_up_allocator()
        settings = get_settings()
        try:
            listener = Listener(settings, send)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: listener.stop())
            # Load the broker's client now, which takes longer than a hundred transfers; it connects later
            app.connection_for_write().get_transport_cls()
            if settings.is_small:
                import celery.beat  # noqa: F401  (imported before `settle`)
            memory.settle()
            if settings.is_small:
                Beat().start()
            listener.run()
        except SettingsError as error:
            log.error("Listener cannot start", event_name="misconfigured", error=str(error))
            raise SystemExit(MISCONFIGURED) from None
        log.info("Listener stopped", event_name="listener_stopped")
