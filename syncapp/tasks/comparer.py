"""The state of a worker process between slices of comparison runs: its connections and the rules."""

from __future__ import annotations

from functools import cache

import structlog
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from syncapp.compare.slices import Pace, Slice
from syncapp.compare.start_points import are_applied
from syncapp.conf.settings import get_settings
from syncapp.core.values import Side
from syncapp.models import Instance
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import ConnectionDown, translate
from syncapp.mongo.sides import connect_side, of_side
from syncapp.process.django_calls import DjangoCalls
from syncapp.rules.source import RulesSource
from syncapp.store import runs
from syncapp.store.instance import instance_id
from syncapp.store.lease import active_listener
from syncapp.store.run import Kind, Run

log = structlog.get_logger(__name__)
RULES_SECONDS = 0.5  # until a slice looks again whether the listener has applied its rules
MOST_FAILURES = 10  # of one slice, until a run that convergence does not depend on is given up


class Comparer:
    """One per process: connections do not survive a fork."""

    def __init__(self) -> None:
        settings = get_settings()
        settings.require("MONGODB_URI", "MONGODB_ATLAS_URI")
        timeout = settings.sync_socket_timeout
        self._local = connect_side(Side.LOCAL, settings.mongodb_uri, "comparison", timeout)
        self._atlas = connect_side(Side.ATLAS, settings.mongodb_atlas_uri, "comparison", timeout)
        with of_side(self._local):
            self._device = instance_id(self._local)
        self._rules, self._django = RulesSource(lambda: self._local), DjangoCalls()
        self._rate = settings.sync_compare_rate
        self._most_pending = max(1, settings.sync_max_dirty_keys // 4)

    def work(self, run_id: str, number: int) -> float | None:
        """Do a slice of a run. Returns the seconds until the next one is due; None: there is none to send.
        Raises SyncError, PyMongoError or DatabaseError."""
        run = runs.load(self._local, run_id)
        if run is None or run.state is not runs.State.RUNNING or run.slice != number:
            return None  # cancelled, or done by another task
        if not active_listener(self._local):
            return None  # no listener would process the marks; the next one resends the slice
        if not runs.begin(self._local, run):
            return None
        try:
            rules = self._rules.load()
            part = Slice(self._local, self._atlas, run, rules.policy)
            # Newer rules may be gone before the listener has seen them: then nothing would compare again what was skipped by them
            applied = are_applied(self._local, rules.scope, rules.enabled)
            pause = part.work(self._pace()) if applied else RULES_SECONDS
        except Exception as raised:
            self._failed(run, raised)
            raise
        saved = runs.save_progress(self._local, run, part.progress, pause)
        if saved is None:
            return None
        if part.progress.left_out:
            log.error(
                "Document left out of a comparison",
                event_name="left_out",
                why=saved.error,
            )
        if saved.open:
            return pause
        _log_end(saved)
        return None

    def _pace(self) -> Pace:
        return Pace(self._rate, pending=self._pending(), most_pending=self._most_pending)

    def _pending(self) -> int:
        """From the listener's last report; 0 while Django's database, which stores it, is down."""
        try:
            row = self._django.call(
                Instance.objects.filter(instance_id=self._device).values_list("queue_size").first
            )
        except DatabaseError:
            return 0
        return row[0] if row else 0

    def _failed(self, run: Run, error: Exception) -> None:
        down = isinstance(error, PyMongoError) and isinstance(translate(error), ConnectionDown)
        given_up = (
            not run.owes and run.failures >= MOST_FAILURES and not (down or isinstance(error, ConnectionDown))
        )
        try:
            runs.note_failure(self._local, run, describe(error), given_up)
        except PyMongoError:
            pass  # the local database is down: the run shows its last state


def _log_end(run: Run) -> None:
    if run.kind is Kind.RESYNC:
        log.warning(
            "Compared both sides",
            event_name="resynced",
            reason=run.why,
            documents=run.different,
            compared=run.counts["documents"],
        )
    else:
        say = log.warning if run.different else log.info
        say(
            "Verified both sides",
            event_name="verified",
            differences=run.different,
            compared=run.counts["documents"],
            marked=run.counts["marked"],
        )


@cache
def get_comparer() -> Comparer:
    """The comparer of this process."""
    return Comparer()
