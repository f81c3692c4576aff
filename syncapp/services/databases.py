"""Either side's MongoDB for a service that command, API and admin call: reached for one piece of work, or a
clear line that says which one cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.conf.settings import get_settings
from syncapp.core.values import Side
from syncapp.mongo.error_text import says_what_fails
from syncapp.mongo.errors import ConnectionDown
from syncapp.mongo.sides import connect_side

SOCKET_TIMEOUT_MS = 20_000  # a person waits for the answer


class Unreachable(Exception):
    """A MongoDB that is needed cannot be reached; trying again later helps. The text says which."""


class LocalUnreachable(Unreachable):
    """The local MongoDB cannot be reached."""


class AtlasUnreachable(Unreachable):
    """Atlas cannot be reached."""


def local_database(process: str) -> AbstractContextManager[Database[Any]]:
    """Raises LocalUnreachable, also for a PyMongoError or ConnectionDown of the work within."""
    return database(Side.LOCAL, process)


@contextmanager
def database(side: Side, process: str) -> Iterator[Database[Any]]:
    """Raises LocalUnreachable or AtlasUnreachable, also for a PyMongoError or ConnectionDown within."""
    settings = get_settings()
    name, variable, uri, error_of = {
        Side.LOCAL: ("The local MongoDB", "MONGODB_URI", settings.mongodb_uri, LocalUnreachable),
        Side.ATLAS: ("Atlas", "MONGODB_ATLAS_URI", settings.mongodb_atlas_uri, AtlasUnreachable),
    }[side]
    if not uri:
        raise error_of(f"{name} is unknown here: {variable} is not set")
    found: Database[Any] | None = None
    try:
        found = connect_side(side, uri, process, SOCKET_TIMEOUT_MS)
        # Here, and not at the first use: within the other side's block that would name the other side
        found.client.admin.command("ping")
        yield found
    except (ConnectionDown, PyMongoError) as error:
        raise error_of(says_what_fails(side, error)) from error
    finally:
        if found is not None:
            found.client.close()
