"""Why the listener cannot start, for the other processes: stored in Django's database as long as it lasts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

import structlog
from django.db import DatabaseError

from syncapp.models import ListenerStart
from syncapp.mongo.error_text import describe
from syncapp.process.django_calls import DjangoCalls

log = structlog.get_logger(__name__)


class StartTrouble:
    def __init__(self, holder: str) -> None:
        self._holder = holder
        self._calls = DjangoCalls()
        self._first_seen: dt.datetime | None = None

    def happened(self, text: str, next_in_seconds: float) -> None:
        """Raises nothing: while Django's database is down, health reports that."""
        now = dt.datetime.now(dt.UTC)
        self._first_seen = self._first_seen or now
        values = {
            "holder": self._holder,
            "text": text,
            "first_seen": self._first_seen,
            "next_at": now + dt.timedelta(seconds=next_in_seconds),
        }
        self._write(partial(_publish, values))

    def over(self) -> None:
        """It has started, or stands by. Raises nothing."""
        if self._first_seen is not None and self._write(_delete):
            self._first_seen = None

    def _write(self, act: Callable[[], None]) -> bool:
        try:
            self._calls.call(act)
        except DatabaseError as error:
            log.warning(
                "Django's database is unavailable: why the listener cannot start is only logged here",
                event_name="start_trouble_unpublished",
                error=describe(error),
            )
            return False
        return True


def _publish(values: dict[str, object]) -> None:
    ListenerStart.objects.update_or_create(id=1, defaults=values)


def _delete() -> None:
    ListenerStart.objects.all().delete()
