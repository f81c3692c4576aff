"""Errors that mean that an external service is down, and the text that names it.

It contains no addresses or names: it may be shown to users whose login could not be checked.
"""

from __future__ import annotations

import redis
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from kombu.exceptions import OperationalError as BrokerError
from pymongo.errors import PyMongoError

from syncapp.conf.settings import get_settings
from syncapp.mongo.errors import SyncError
from syncapp.services.errors import Unreachable

DATABASE_AWAY = "Django's database cannot be reached"
NOT_SET_UP = (
    "Django's database is not set up yet, or older than this version: `make run` sets it up and starts everything, "
    "`manage.py sync_setup` only sets it up"
)


def what_is_away(error: BaseException) -> str | None:
    """None: the error means something else."""
    if isinstance(error, Unreachable):
        return str(error)
    if isinstance(error, PyMongoError | SyncError):
        return "A required MongoDB is unreachable or refuses access: see `manage.py sync_doctor`"
    if isinstance(error, redis.RedisError | BrokerError):
        return f"The broker ({get_settings().broker_kind}) cannot be reached"
    return _of_django(error)


def _of_django(error: BaseException) -> str | None:
    text = str(error)
    if isinstance(error, OperationalError | ProgrammingError) and (
        "no such table" in text or "no such column" in text or "does not exist" in text
    ):
        return NOT_SET_UP
    # A damaged file, or one that is no database, raises the base class
    if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
        return DATABASE_AWAY
    return None
