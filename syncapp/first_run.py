"""The operator's side of the first run: its report, and the choice, which is made once.

Command and API call it. Who chose what is in the audit log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.bulk import first_run_record
from syncapp.bulk.first_run_record import FirstRun, State
from syncapp.conf import get_settings
from syncapp.engine.connect import connect
from syncapp.engine.errors import translate
from syncapp.rules.initial_choice import InitialChoice
from syncapp.switches import Actor, audit, raise_version

REFUSALS = {
    State.NOT_COMPARED: "The databases have not been compared yet: start the listener, and choose when it has",
    State.CHOSEN: "The choice was made already",
    State.DONE: "The first run is done: there is nothing to choose",
}


class NothingToChoose(Exception):
    """The first run does not wait for a choice. The text says why."""


class LocalUnreachable(Exception):
    """The local MongoDB, which keeps report and choice, cannot be reached."""


def show() -> FirstRun:
    """Raises LocalUnreachable."""
    with _local() as local:
        return first_run_record.load(local)


def choose(choice: InitialChoice, user: Actor = None) -> FirstRun:
    """Raises NothingToChoose or LocalUnreachable."""
    with _local() as local:
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


@contextmanager
def _local() -> Iterator[Database[Any]]:
    uri = get_settings().mongodb_uri
    if not uri:
        raise LocalUnreachable("The local MongoDB is unknown here: MONGODB_URI is not set")
    local = connect(uri, "first run", 20_000)
    try:
        yield local
    except PyMongoError as error:
        raise LocalUnreachable(f"The local MongoDB cannot be reached: {translate(error)}") from error
    finally:
        local.client.close()
