"""Does somebody work on a comparison run? If not: which process is missing, and how it is started."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import get_settings
from syncapp.doctor.checks import broker, workers
from syncapp.doctor.values import Level, Setup
from syncapp.store.lease import active_listener

START = "`make run` starts everything"
NO_LISTENER = f"No listener is active: `manage.py sync_listen` is one, {START}"


def who_is_missing(local: Database[Any]) -> str:
    """Empty: a listener is active, and a worker answers. It may take seconds. Raises PyMongoError."""
    return no_listener(local) or no_worker()


def no_listener(local: Database[Any]) -> str:
    """Empty: one is active. Raises PyMongoError."""
    return "" if active_listener(local) else NO_LISTENER


def no_worker() -> str:
    """Empty: workers for every queue answer. It takes about two seconds."""
    setup = Setup(get_settings())
    for look in (broker.look, workers.look):
        for finding in look(setup):
            if finding.level is Level.FAILED:
                return f"{finding.text}. {finding.todo}" if finding.todo else finding.text
    return ""
