"""The operator's side of the first run: its report, and the choice, which is made once.

Command and API call it. Who chose what is in the audit log.
"""

from __future__ import annotations

from typing import Any

from syncapp.core.initial_choice import InitialChoice
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services.databases import LocalUnreachable as LocalUnreachable
from syncapp.services.databases import local_database
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import FirstRun, State

REFUSALS = {
    State.NOT_COMPARED: "The databases have not been compared yet: start the listener, and choose when it has",
    State.CHOSEN: "The choice was made already",
    State.DONE: "The first run is done: there is nothing to choose",
}


class NothingToChoose(Exception):
    """The first run does not wait for a choice. The text says why."""


def show() -> FirstRun:
    """Raises LocalUnreachable."""
    with local_database("first run") as local:
        return first_run_record.load(local)


def choose(choice: InitialChoice, user: Actor = None) -> FirstRun:
    """Raises NothingToChoose or LocalUnreachable."""
    with local_database("first run") as local:
        if not first_run_record.choose(local, choice):
            state = first_run_record.load(local).state
            raise NothingToChoose(REFUSALS.get(state, "The first run changed meanwhile: try again"))
        audit(user, "first run", str(choice))
        raise_version()
        return first_run_record.load(local)


def as_document(first_run: FirstRun) -> dict[str, Any]:
    """As API and `--json` show it."""
    return {
        "state": first_run.state.value,
        "at": first_run.at.isoformat() if first_run.at else None,
        "report": first_run.report,
        "choice": first_run.choice.as_document() if first_run.choice else None,
    }
