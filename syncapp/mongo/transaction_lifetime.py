"""The local server's transactionLifetimeLimitSeconds. A killed worker's transaction keeps its
documents locked for that long: an application's write to one of them waits."""

from __future__ import annotations

from typing import Any

import structlog
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.mongo.errors import translate

log = structlog.get_logger(__name__)
PARAMETER = "transactionLifetimeLimitSeconds"
SECONDS = 20  # far more than our transactions take


def read_transaction_lifetime(database: Database[Any]) -> int:
    """In seconds. Raises PyMongoError, also if the login may not read it."""
    return int(database.client.admin.command({"getParameter": 1, PARAMETER: 1})[PARAMETER])


def write_transaction_lifetime(database: Database[Any]) -> None:
    """Raises PyMongoError, also if the login may not set it. A restart of the server forgets it."""
    database.client.admin.command({"setParameter": 1, PARAMETER: SECONDS})


def lower_transaction_lifetime(local: Database[Any]) -> None:
    """Lower it to `SECONDS` if it is higher and the login may. Raises nothing: sync works without."""
    try:
        before = read_transaction_lifetime(local)
        if before > SECONDS:
            write_transaction_lifetime(local)
            log.info(
                "Transaction lifetime of the local server lowered",
                event_name="lifetime_lowered",
                before_s=before,
                now_s=SECONDS,
            )
    except PyMongoError as error:
        log.info(
            "Transaction lifetime of the local server not lowered; see sync_doctor",
            event_name="lifetime_left",
            error=str(translate(error)),
        )
