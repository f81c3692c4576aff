"""Are both databases reachable, and different?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from syncapp.core.values import BOTH, Side
from syncapp.doctor.checks.servers import to_do
from syncapp.doctor.values import NAMES, VARIABLES, Finding, Level, Setup
from syncapp.mongo import replica_set
from syncapp.mongo.error_text import describe, is_name_unknown, is_tls, says_what_fails
from syncapp.mongo.sides import connect_side

SECONDS = 5  # for a server that does not answer
REFUSED_ADDRESS = "alert internal error"  # Atlas's error for a host that is not on its access list
AUTHENTICATION_FAILED = frozenset({18, 8000})
NOT_ITS_NAME = 93  # NodeNotFound: no member of the configuration is this node
ADVICE = {
    Side.LOCAL: "Is mongod running there, and does {name} have the right host and port?",
    Side.ATLAS: "Is the cluster running, is {name} right, and does Atlas's Network Access list have the address"
    " of this host?",
}


def open_databases(setup: Setup) -> tuple[dict[Side, Database[Any]], list[Finding]]:
    """The reachable databases, for the caller to close, and a line for each. Raises nothing."""
    found: dict[Side, Database[Any]] = {}
    lines: list[Finding] = []
    processes = {}
    uris = {Side.LOCAL: setup.settings.mongodb_uri, Side.ATLAS: setup.settings.mongodb_atlas_uri}
    for side in BOTH:
        if not uris[side]:
            continue  # reported by the check of the settings
        if setup.fix and side is Side.LOCAL:
            lines += _initiate(uris[side])
        try:
            # A mongodb+srv name is resolved when the client is created
            database = connect_side(side, uris[side], "doctor", SECONDS * 1000)
        except PyMongoError as error:
            lines.append(_failed(side, error, uris[side]))
            continue
        try:
            started = time.monotonic()
            with pymongo.timeout(SECONDS):
                hello = database.client.admin.command("hello")
                database.command("ping")  # hello needs no login
                database.list_collection_names(filter={"name": ""})
        except PyMongoError as error:
            if getattr(error, "code", None) == 13:  # the check of the privileges reports what is missing
                hello = {}
            else:
                database.client.close()
                lines.append(_failed(side, error, uris[side]))
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
                "Use two different databases",
            )
        )
    return found, lines


def _initiate(uri: str) -> Iterator[Finding]:
    """If nothing else is missing. Nothing else on the server is changed."""
    node = replica_set.ask(uri)
    if node is None or node.standing is not replica_set.Standing.NOT_INITIATED:
        return
    try:
        replica_set.initiate(uri, node)
    except PyMongoError as error:
        own_name = getattr(error, "code", None) == NOT_ITS_NAME
        yield Finding(
            Level.FAILED,
            f"The replica set {node.set_name} could not be initiated as {node.address}: {describe(error)}",
            "The server does not find itself under that address (a container, or a forwarded port): run rs.initiate() in"
            f" mongosh where it runs, and add directConnection=true to {VARIABLES[Side.LOCAL]}"
            if own_name
            else f"In mongosh, as an administrator: {node.initiate_command}",
        )
        return
    yield Finding(
        Level.OK,
        f"Fixed: the local server's replica set {node.set_name} was initiated with one member, {node.address}",
    )


def _failed(side: Side, error: PyMongoError, uri: str) -> Finding:
    if isinstance(error, AutoReconnect):
        node = replica_set.ask(uri)
        trouble = replica_set.problem(node, VARIABLES[side]) if node else ""
        if node and trouble:
            return Finding(Level.FAILED, trouble, to_do(side, node))
    todo = _advice(side, error).format(name=VARIABLES[side])
    return Finding(Level.FAILED, says_what_fails(side, error), f"{todo} Checks that need it were skipped.")


def _advice(side: Side, error: PyMongoError) -> str:
    if isinstance(error, OperationFailure) and error.code in AUTHENTICATION_FAILED:
        return "Check user, password (percent-encoded) and authSource in {name}."
    if is_name_unknown(error):
        return "Is the name in {name} correct, and does DNS work on this host?"
    if is_tls(error) and REFUSED_ADDRESS not in str(error):
        return (
            "Name the file of the CA that signed the server's certificate in {name} (tlsCAFile=/path/ca.pem),"
            " and use the host name of the certificate; tls=true only if the server uses TLS."
        )
    return ADVICE[side]
