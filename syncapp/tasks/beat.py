"""Celery's beat as a thread of the listener, for the small profile: a separate process takes as much memory as the
listener. (Not in the worker, as with `celery worker -B`: that is one more process, which is not restarted when it
ends.)"""

from __future__ import annotations

import threading

import structlog

from syncapp.mongo.error_text import describe
from syncapp.process.django_calls import drop_broken_connections

log = structlog.get_logger(__name__)
RETRY_SECONDS = 10.0


class Beat(threading.Thread):
    """Sends due tasks until the process ends. Failures are retried: the periods are in Django's database, and the
    tasks go to the broker, each of which may be down."""

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
                    log.warning("Cannot send periodic tasks", event_name="beat_waits", error=text)
                said = text
            threading.Event().wait(RETRY_SECONDS)

    @staticmethod
    def _serve() -> None:
        from celery.beat import Service

        from syncproject.celery import app

        Service(app, scheduler_cls=app.conf.beat_scheduler).start()  # the default scheduler keeps a file
