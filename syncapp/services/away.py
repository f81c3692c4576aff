"""Which errors mean that something outside of this process is away, and the line that says what.

Addresses and names are not in it: it is shown to people whose login could not be looked up.
"""

from __future__ import annotations

import redis
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from kombu.exceptions import OperationalError as BrokerError
from pymongo.errors import PyMongoError

from syncapp.mongo.errors import SyncError
from syncapp.services.databases import Unreachable

DATABASE_AWAY = "Django's database cannot be reached"
NOT_SET_UP = (
    "Django's database is not set up yet, or older than this program: `make run` sets it up and starts everything, "
    "`manage.py sync_setup` sets it up alone"
)


def what_is_away(error: BaseException) -> str | None:
    """None: the error means something else."""
    if isinstance(error, Unreachable):
        return str(error)
    if isinstance(error, PyMongoError | SyncError):
        return "A MongoDB that is needed cannot be reached, or refuses: `manage.py sync_doctor` says which"
    if isinstance(error, redis.RedisError | BrokerError):
        return "Redis cannot be reached"
    return _of_django(error)


def _of_django(error: BaseException) -> str | None:
    text = str(error)
    if isinstance(error, OperationalError | ProgrammingError) and (
        "no such table" in text or "no such column" in text or "does not exist" in text
    ):
        return NOT_SET_UP
    # A damaged file, or one that is no database, is an error of the plain class
    if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
        return DATABASE_AWAY
    return None
