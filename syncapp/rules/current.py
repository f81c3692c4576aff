"""The rules, cached in a worker process."""

from __future__ import annotations

import time
from collections.abc import Callable

from syncapp.mongo.errors import RulesOutOfDate
from syncapp.rules.rules import Rules

KEEP_SECONDS = 1.0


class CurrentRules:
    def __init__(self, load: Callable[[], Rules]) -> None:
        self._load = load
        self._rules: Rules | None = None
        self._read_at = 0.0

    def at_least(self, version: int) -> Rules:
        """Rules that are at most a second old, and at least of this version.

        Raises RulesOutOfDate if this version is not available, PyMongoError or DatabaseError.
        """
        now = time.monotonic()
        if self._rules is None or self._rules.version < version or now - self._read_at > KEEP_SECONDS:
            self._rules, self._read_at = self._load(), now
        if self._rules.version < version:
            raise RulesOutOfDate(
                f"rules of version {self._rules.version} were read instead of {version}: listener and workers must use "
                "the same DATABASE_URL"
            )
        return self._rules
