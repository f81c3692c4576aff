"""What a listener does before it reads the streams for the first time: the first run, and waiting for the
operator's choice if both databases hold different documents. Meanwhile it keeps its lease and reports why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.core.initial_choice import InitialChoice
from syncapp.core.values import Side
from syncapp.first_run import comparison as first_run
from syncapp.rules.rules import Rules
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import Report, State

log = structlog.get_logger(__name__)
HOW_TO_CHOOSE = (
    "choose on the page First run, with `manage.py sync_initial`, or by POST /api/sync/bidirectional/initial"
)


class _Interrupted(Exception):
    """The listener has to stop during a comparison; the next one starts it again."""


class Beginning:
    def __init__(
        self,
        databases: dict[Side, Database[Any]],
        load: Callable[[], Rules],
        beforehand: InitialChoice | None,
        look_seconds: float,
    ) -> None:
        """`load` gives the current rules; `beforehand`: an operator's earlier choice. `look_seconds`: between
        two looks whether one has."""
        self._databases = databases
        self._load = load
        self._beforehand = beforehand
        self._look_seconds = look_seconds

    def begin(self, *, say: Callable[[str], None], wait: Callable[[float], bool]) -> Rules | None:
        """Returns the current rules; None: interrupted. `wait(seconds)` is True if the listener has to stop.

        `say` receives why sync has not started yet. Raises SyncError, PyMongoError or DatabaseError.
        """
        local = self._databases[Side.LOCAL]

        def progress(documents: int) -> None:
            say(f"Before sync starts, the two databases are compared: {documents:,} documents so far")
            if wait(0):
                raise _Interrupted

        while True:
            rules = self._load()
            if first_run.is_done(local):
                say("")
                return rules
            try:
                report = first_run.attempt(self._databases, rules, self._beforehand, progress)
            except _Interrupted:
                return None
            if report is not None:
                text = waiting_text(report)
                log.warning(
                    "First run waits for the operator's choice", event_name="first_run_waits", reason=text
                )
                say(text)
                while first_run_record.load(local).state is State.WAITING:
                    if wait(self._look_seconds):
                        return None


def waiting_text(report: Report) -> str:
    found = report.to_decide
    kinds = {"different": found.different, "only here": found.only_local, "only on Atlas": found.only_atlas}
    counts = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number)
    return f"The two databases hold different documents ({counts}): {HOW_TO_CHOOSE}"
