"""Do both databases answer, and are they two?"""

from __future__ import annotations

import time
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from syncapp.doctor.values import NAMES, VARIABLES, Finding, Level, Setup
from syncapp.engine.error_text import is_name_unknown, is_tls, says_what_fails
from syncapp.engine.sides import connect_side
from syncapp.engine.values import BOTH, Side

SECONDS = 5  # for a server that does not answer
REFUSED_ADDRESS = "alert internal error"  # what Atlas says to a host that is not on its list
AUTHENTICATION_FAILED = frozenset({18, 8000})
ADVICE = {
    Side.LOCAL: "Is mongod running there, and does {name} have the right host and port?",
    Side.ATLAS: "Is the cluster running, is {name} right, and does Atlas's Network Access list have the address"
    " of this host?",
}


def open_databases(setup: Setup) -> tuple[dict[Side, Database[Any]], list[Finding]]:
    """The databases that answer, for the caller to close, and a line on each. Raises nothing."""
    found: dict[Side, Database[Any]] = {}
    lines, processes = [], {}
    uris = {Side.LOCAL: setup.settings.mongodb_uri, Side.ATLAS: setup.settings.mongodb_atlas_uri}
    for side in BOTH:
        if not uris[side]:
            continue  # the check of the settings has said so
        try:
            # A mongodb+srv name is looked up while the client is made
            database = connect_side(side, uris[side], "doctor", SECONDS * 1000)
        except PyMongoError as error:
            lines.append(_failed(side, error))
            continue
        try:
            started = time.monotonic()
            with pymongo.timeout(SECONDS):
                hello = database.client.admin.command("hello")
                database.command("ping")  # hello needs no login
                database.list_collection_names(filter={"name": ""})
        except PyMongoError as error:
            if getattr(error, "code", None) == 13:  # the check of the privileges says what is missing
                hello = {}
            else:
                database.client.close()
                lines.append(_failed(side, error))
                continue
        found[side] = database
        took_ms = round((time.monotonic() - started) * 1000)
        processes[side] = (str(hello.get("topologyVersion", {}).get("processId", side)), database.name)
        lines.append(Finding(Level.OK, f"{NAMES[side]} answers in {took_ms} ms (database {database.name})"))
    if len(processes) == 2 and processes[Side.LOCAL] == processes[Side.ATLAS]:
        lines.append(
            Finding(
                Level.FAILED,
                "MONGODB_URI and MONGODB_ATLAS_URI name the same database on the same server",
                "Two different ones are needed",
            )
        )
    return found, lines


def _failed(side: Side, error: PyMongoError) -> Finding:
    todo = _advice(side, error).format(name=VARIABLES[side])
    return Finding(
        Level.FAILED, says_what_fails(side, error), f"{todo} What needs {NAMES[side]} was not looked at."
    )


def _advice(side: Side, error: PyMongoError) -> str:
    if isinstance(error, OperationFailure) and error.code in AUTHENTICATION_FAILED:
        return "Check user, password (percent-encoded) and authSource in {name}."
    if is_name_unknown(error):
        return "Is the name in {name} spelled right, and does this host's name service (DNS) work?"
    if is_tls(error) and REFUSED_ADDRESS not in str(error):
        return (
            "Name the file of the authority that signed the server's certificate in {name} (tlsCAFile=/path/ca.pem),"
            " and the host as the certificate has it; tls=true only if the server speaks TLS."
        )
    return ADVICE[side]
