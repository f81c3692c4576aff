"""The first run for operators: its report, and the choice, which is made once.

Command, API and admin call it. Who chose what is in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncapp.core.initial_choice import InitialChoice, WrongChoice
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services.databases import local_database
from syncapp.services.errors import NotPossible, Overtaken, ServiceError, WrongInput
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import FirstRun, State

REFUSALS: Mapping[State, tuple[type[ServiceError], str]] = {
    State.NOT_COMPARED: (
        NotPossible,
        "The databases have not been compared yet: start the listener, and choose when it has",
    ),
    State.CHOSEN: (Overtaken, "The choice has already been made"),
    State.DONE: (Overtaken, "The first run is done: nothing to choose"),
}
CHANGED = (Overtaken, "The state of the first run has changed: try again")


def choice_of(differing: str, only_atlas: str, only_local: str, timestamp_field: str = "") -> InitialChoice:
    """Raises WrongInput."""
    try:
        return InitialChoice(differing, only_atlas, only_local, timestamp_field)
    except WrongChoice as error:
        raise WrongInput(str(error), error.field) from None


def show() -> FirstRun:
    """Raises Unreachable."""
    with local_database("first run") as local:
        return first_run_record.load(local)


def choose(choice: InitialChoice, user: Actor = None) -> FirstRun:
    """Once. Raises NotPossible, Overtaken or Unreachable."""
    with local_database("first run") as local:
        if not first_run_record.choose(local, choice):
            state = first_run_record.load(local).state
            kind, text = REFUSALS.get(state, CHANGED)
            raise kind(text)
        audit(user, "first run", str(choice), after=choice.as_document())
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
