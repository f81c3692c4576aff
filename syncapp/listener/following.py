"""Applies changed rules while a session runs: the toggle, exclusions, and the backfill that they require."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare import start_points
from syncapp.core.values import Side
from syncapp.listener.intervals import Intervals
from syncapp.listener.streams.readers import Readers
from syncapp.listener.tokens import Tokens
from syncapp.mongo.errors import TransientError
from syncapp.rules.rules import Rules
from syncapp.rules.switches import switches_version
from syncapp.store.backfill import note_backfill

log = structlog.get_logger(__name__)


class Following:
    """`rules`: the current ones. `changed` is called when new ones have been applied."""

    def __init__(
        self,
        databases: dict[Side, Database[Any]],
        load: Callable[[], Rules],
        readers: Readers,
        tokens: Tokens,
        changed: Callable[[Rules], None],
        intervals: Intervals,
        wait: Callable[[float], bool],
    ) -> None:
        """`wait(seconds)` is True if the session is over."""
        self._databases = databases
        self._load = load
        self._readers = readers
        self._tokens = tokens
        self._wait = wait
        self._intervals = intervals
        self._changed = changed
        self._again = False  # a backfill is due, or a step failed: apply the same rules once more
        self.rules: Rules | None = None
        self._loaded_at = float("-inf")

    def begin(self, rules: Rules) -> None:
        """Open the streams under these rules. Raises SyncError or PyMongoError."""
        self.rules = rules
        start_points.request_backfill(self._databases, rules.scope, rules.enabled)
        points = start_points.start_points(self._databases, rules.exclusions, rules.enabled)
        self._readers.start(points, rules.exclusions)

    def note_backfill(self) -> None:
        """A pull was not allowed, and no stream will deliver it again. Raises PyMongoError."""
        note_backfill(self._databases[Side.LOCAL])
        self._again = True

    def reload(self) -> None:
        """Read the rules, and apply them if they changed. Raises SyncError, PyMongoError or DatabaseError:
        then all of it is repeated; each step is idempotent."""
        now = time.monotonic()
        if self._are_current(now):
            return
        rules = self._load()
        self._loaded_at = now
        before, self.rules = self.rules, rules
        if rules == before and not (self._again and rules.enabled):
            return
        log.info(
            "Rules changed",
            event_name="rules_changed",
            enabled=rules.enabled,
            paused=rules.paused,
            version=rules.version,
        )
        try:
            self._follow(rules)
        except Exception:
            self.rules, self._again = before, True
            raise
        self._changed(rules)

    def _are_current(self, now: float) -> bool:
        """Were the rules read a moment ago, and is their version still in force? Raises DatabaseError: then what was read
        may be the copy, and all is read again as soon as that database answers."""
        if self._again or self.rules is None or now - self._loaded_at >= self._intervals.all_rules:
            return False
        try:
            return switches_version() == self.rules.version
        except Exception:
            self._loaded_at = float("-inf")
            raise

    def _follow(self, rules: Rules) -> None:
        if not rules.enabled:
            self._stop_pulling()
        filtered = self._readers.filter(rules.exclusions, self._wait)
        if not rules.enabled:
            start_points.request_backfill(self._databases, rules.scope, enabled=False)
            return
        if not filtered:
            # Events hidden by the old filter until then would be neither compared nor read
            raise TransientError("Atlas's stream has not been reopened with the new exclusions yet")
        self._again = False  # first: pulls that become pending from now on are backfilled next time
        self.begin(rules)

    def _stop_pulling(self) -> None:
        """One-way from now on: what Atlas's stream delivered is read again when pulls are allowed."""
        if Side.ATLAS in self._readers.sides:
            self._readers.stop(Side.ATLAS)
            self._tokens.give_up(Side.ATLAS)
