"""Where processes that move documents get the rules: from Django's database, and while that is away as they were
last copied to the local MongoDB."""

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
from syncapp.rules.stored import StoredRules
from syncapp.rules.switches import apply_environment

log = structlog.get_logger(__name__)
PATIENCE_SECONDS = 2.0  # a batch waits for it, and the copy is as good
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
            copy = stored.load_copy(self._local(), environment)
            if copy is None:
                raise
            return copy


class ListenersRules(RulesSource):
    """For the listener, which also keeps the copy, and takes over what the environment says at its start."""

    def __init__(self, local: Callable[[], Database[Any]], settings: SyncSettings) -> None:
        super().__init__(local)
        self._settings = settings
        self._environment_applied = False
        self._copied: StoredRules | None = None

    def apply_environment(self) -> bool:
        """Values of the environment that differ from the last start's hold from now on. False: not yet, since
        Django's database is away."""
        if not self._environment_applied:
            try:
                self._calls.call(lambda: apply_environment(self._settings))
            except DatabaseError as error:
                log.warning(
                    "Django's database is away: what the environment says is compared later",
                    event_name="environment_waits",
                    error=describe(error),
                )
                return False
            self._environment_applied = True
        return True

    def _stored(self, environment: str | None = None) -> StoredRules:
        """While Django's database is away: only if the environment says what it said at the last start. What a change
        of it overrules is not known without that database."""
        known, environment = self.apply_environment(), _environment()
        rules = super()._stored(environment)
        # First of all: a worker may need it as soon as a batch goes out by these rules
        if known and rules != self._copied:
            stored.save_copy(self._local(), rules, environment)
            self._copied = rules
        return rules


def _environment() -> str:
    """What it says of the things that can be changed at run time."""
    return json.dumps({name: os.environ.get(name, "") for name in OVERRULING})
