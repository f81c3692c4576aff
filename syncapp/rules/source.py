"""The rules for processes that transfer documents: from Django's database, and while that is down from the
last copy in the local MongoDB."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError
from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.mongo.error_text import describe
from syncapp.process.django_calls import DjangoCalls
from syncapp.rules import stored
from syncapp.rules.rules import Rules, rules_of
from syncapp.rules.switches import apply_environment
from syncapp.store import rules_copy
from syncapp.store.rules_copy import StoredRules

log = structlog.get_logger(__name__)
PATIENCE_SECONDS = 2.0  # a batch waits for it, and the copy is good enough
OVERRULING = (
    "BIDIRECTIONAL_SYNC_ENABLED",
    "BIDIRECTIONAL_EXCLUDED_COLLECTIONS",
    "CONFLICT_RESOLUTION_STRATEGY",
)


class RulesSource:
    """For workers."""

    def __init__(self, local: Callable[[], Database[Any]]) -> None:
        self._local = local
        self._calls = DjangoCalls(PATIENCE_SECONDS)

    def load(self) -> Rules:
        """Raises DatabaseError if there is no copy either, or PyMongoError."""
        return rules_of(self._local(), self._stored())

    def _stored(self, environment: str | None = None) -> StoredRules:
        try:
            return self._calls.call(stored.read)
        except DatabaseError:
            copy = rules_copy.load_copy(self._local(), environment)
            if copy is None:
                raise
            return copy


class ListenersRules(RulesSource):
    """For the listener, which also writes the copy, and applies the environment's values at its start."""

    def __init__(self, local: Callable[[], Database[Any]], settings: SyncSettings) -> None:
        super().__init__(local)
        self._settings = settings
        self._environment_applied = False
        self._copied: StoredRules | None = None

    def apply_environment(self) -> bool:
        """Apply values of the environment that differ from the last start. False: not yet, since
        Django's database is down."""
        if not self._environment_applied:
            try:
                self._calls.call(lambda: apply_environment(self._settings))
            except DatabaseError as error:
                log.warning(
                    "Django's database is unavailable: the environment's values are compared later",
                    event_name="environment_waits",
                    error=describe(error),
                )
                return False
            self._environment_applied = True
        return True

    def _stored(self, environment: str | None = None) -> StoredRules:
        """While Django's database is down: only if the environment is unchanged since the last start. What a change
        of it overrides is unknown without that database."""
        known, environment = self.apply_environment(), _environment()
        rules = super()._stored(environment)
        # First: a worker may need it as soon as a batch is sent under these rules
        if known and rules != self._copied:
            rules_copy.save_copy(self._local(), rules, environment)
            self._copied = rules
        return rules


def _environment() -> str:
    """Its values of what can be changed at run time."""
    return json.dumps({name: os.environ.get(name, "") for name in OVERRULING})
