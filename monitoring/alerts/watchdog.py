"""The dead man's check: while beat is silent, for whatever reason, a thread of the web process evaluates alerts and sends
them itself. With several web processes each tries; the evaluation counts once."""

from __future__ import annotations

import threading

import structlog
from django.db import close_old_connections
from django.utils import timezone

from monitoring.alerts.delivery import deliver
from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.rules import current_rules, limits_of
from syncapp.models import AlertWatch
from syncapp.mongo.error_text import describe
from syncapp.process.django_calls import drop_broken_connections

log = structlog.get_logger(__name__)
EVERY_SECONDS = 5.0  # in place of beat
AT_REST_SECONDS = 15.0  # while beat works


class Watchdog(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._said = ""
        self._awaits = False

    def run(self) -> None:
        while True:
            close_old_connections()
            threading.Event().wait(self.watch())

    def watch(self) -> float:
        """One round; the seconds until the next."""
        try:
            self._awaits = self._awaits or await_beat()
            mine = look()
        except Exception as error:
            drop_broken_connections(error)
            self._say(f"{type(error).__name__}: {describe(error)}")
            return EVERY_SECONDS
        self._said = ""
        return EVERY_SECONDS if mine else AT_REST_SECONDS

    def _say(self, text: str) -> None:
        if text != self._said:
            log.warning("Cannot watch over alerts", event_name="watchdog_waits", error=text)
        self._said = text


def await_beat() -> bool:
    """From now on: while nothing ran, beat was not silent. True. Raises DatabaseError."""
    AlertWatch.objects.update_or_create(id=1, defaults={"awaited_since": timezone.now()})
    return True


def look() -> bool:
    """One round; whether alerts were evaluated here. Raises DatabaseError."""
    now = timezone.now()
    watch = AlertWatch.objects.get_or_create(id=1, defaults={"awaited_since": now})[0]
    last = max((at for at in (watch.beat_at, watch.awaited_since) if at), default=now)
    if 0 <= (now - last).total_seconds() <= limits_of(current_rules()).beat_silent_s:
        return False
    counted = evaluate(by_beat=False)
    deliver()
    return counted
