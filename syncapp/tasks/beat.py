"""Celery's beat as a thread of the listener, for the small profile: a process of its own takes as much memory as the
listener. (Not in the worker, as `celery worker -B` has it: that is one more process, which nobody starts again when it
ends.)"""

from __future__ import annotations

import threading

import structlog

from syncapp.mongo.error_text import describe
from syncapp.process.django_calls import drop_broken_connections

log = structlog.get_logger(__name__)
RETRY_SECONDS = 10.0


class Beat(threading.Thread):
    """Sends what is due until the process ends. What fails is tried again: the periods are in Django's database, and the
    tasks go to the broker, each of which may be away."""

    def __init__(self) -> None:
        super().__init__(name="beat", daemon=True)

    def run(self) -> None:
        said = ""
        while True:
            try:
                self._serve()
            except Exception as error:
                drop_broken_connections(error)
                text = f"{type(error).__name__}: {describe(error)}"
                if text != said:
                    log.warning("Periodic tasks wait", event_name="beat_waits", error=text)
                said = text
            threading.Event().wait(RETRY_SECONDS)

    @staticmethod
    def _serve() -> None:
        from celery.beat import Service

        from syncproject.celery import app

        Service(app, scheduler_cls=app.conf.beat_scheduler).start()  # by itself one that keeps a file
