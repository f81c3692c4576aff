"""Either side's MongoDB for the services of commands, API and admin: a connection for one operation, or one
line that says which one is unreachable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pymongo.database import Database
from pymongo.errors import InvalidName, PyMongoError

from syncapp.conf.settings import get_settings
from syncapp.core.values import Side
from syncapp.mongo.error_text import NAMES, says_what_fails
from syncapp.mongo.errors import ConnectionDown, SyncError
from syncapp.mongo.sides import connect_side
from syncapp.services.errors import NotPossible, Unreachable, WrongInput

SOCKET_TIMEOUT_MS = 20_000  # an operator waits for the answer
VARIABLES = {Side.LOCAL: "MONGODB_URI", Side.ATLAS: "MONGODB_ATLAS_URI"}


def local_database(process: str) -> AbstractContextManager[Database[Any]]:
    """Raises Unreachable, also for a PyMongoError or ConnectionDown of the work within."""
    return database(Side.LOCAL, process)


@contextmanager
def database(side: Side, process: str, timeout_ms: int = SOCKET_TIMEOUT_MS) -> Iterator[Database[Any]]:
    """Raises Unreachable, also for a PyMongoError or ConnectionDown within."""
    uri = uri_of(side)
    if not uri:
        raise Unreachable(f"{NAMES[side]} is not configured: {VARIABLES[side]} is not set")
    found: Database[Any] | None = None
    try:
        found = connect_side(side, uri, process, timeout_ms)
        # Here, not at the first use: within the other side's block the error would name the other side
        found.client.admin.command("ping")
        yield found
    except (ConnectionDown, PyMongoError) as error:
        raise Unreachable(says_what_fails(side, error)) from error
    finally:
        if found is not None:
            found.client.close()


@contextmanager
def refused_by(side: Side, what: str) -> Iterator[None]:
    """What this side's server refuses within is NotPossible, with its reason; `what`: says what it does not do. A name that no
    collection can have is WrongInput. A connection that is lost passes as it is."""
    try:
        yield
    except ConnectionDown:
        raise
    except SyncError as error:
        if isinstance(error.__cause__, InvalidName):
            raise WrongInput(f"collection: {error}", "collection") from error
        raise NotPossible(f"{NAMES[side]} {what}: {error}") from error


def uri_of(side: Side) -> str:
    """Empty: not set."""
    settings = get_settings()
    return settings.mongodb_uri if side is Side.LOCAL else settings.mongodb_atlas_uri
