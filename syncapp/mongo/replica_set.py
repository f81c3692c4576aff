"""Diagnoses, over a direct connection, why a server is no replica set that sync can use; gives the steps for its
operating system; and initiates the set."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

DEFAULT_NAME = "rs0"
ANSWER_MS = 2_000
ELECTION_SECONDS = 15.0
BY_ITSELF = "The data stays, and sync starts automatically within 30 s."


class Standing(Enum):
    FINE = "a member of a replica set, or a router"
    STAND_ALONE = "no replica set"
    NOT_INITIATED = "started for a replica set that was not initiated"
    OTHER_NAME = "a replica set of another name than the URI says"
    RENAMED = "a replica set of which this server is no member under its present name"
    UNREACHABLE_NAMES = "a replica set whose members have names that cannot be reached from here"


@dataclass(frozen=True, slots=True)
class Node:
    """The self-description of the one server of a URI. Fields that the login may not read are empty."""

    address: str  # host:port, from the URI
    standing: Standing
    set_name: str  # its set's, or that it was started with
    wanted: str = ""  # replicaSet of the URI
    members: tuple[str, ...] = ()  # host:port, from the set's configuration
    arguments: tuple[str, ...] = ()  # of its command line
    config_file: str = ""
    has_section: bool = False  # the configuration file has a replication section
    checks_logins: bool = False
    system: str = ""  # linux, macOS, windows

    @property
    def initiate_command(self) -> str:
        """For mongosh."""
        return f'rs.initiate({{_id: "{self.set_name}", members: [{{_id: 0, host: "{self.address}"}}]}})'


def is_set(hello: Mapping[str, Any]) -> bool:
    """Does this answer come from a member of a replica set that was initiated?"""
    return "setName" in hello


def ask(uri: str) -> Node | None:
    """None: the URI names several servers, or the one that it names does not answer."""
    address = _only_address(uri)
    if not address:
        return None
    try:
        with _direct(uri) as client:
            return _describe(client, address, _option(uri, "replicaset"))
    except (PyMongoError, OSError):
        return None


def problem(node: Node, variable: str) -> str:
    """One sentence; empty: none. `variable`: the setting with the URI."""
    if node.standing is Standing.STAND_ALONE:
        return (
            f"{variable} names a stand-alone server ({node.address}), and change streams and transactions need a"
            " replica set (one node is enough)"
        )
    if node.standing is Standing.NOT_INITIATED:
        return f"The replica set of the server that {variable} names ({node.address}) was not initiated yet"
    if node.standing is Standing.OTHER_NAME:
        return (
            f"{variable} says replicaSet={node.wanted}, but the replica set of {node.address} is named"
            f" {node.set_name!r}"
        )
    if node.standing is Standing.RENAMED:
        return (
            f"The replica set of {node.address} ({variable}) calls its members {', '.join(node.members)}, under which"
            " this server no longer finds itself"
        )
    if node.standing is Standing.UNREACHABLE_NAMES:
        return (
            f"{variable} leads to {node.address}, whose replica set calls its members {', '.join(node.members)}:"
            " these names cannot be reached from here"
        )
    return ""


def steps(node: Node, variable: str, can_fix: bool = True) -> tuple[str, ...]:
    """What to do, one line each. `can_fix`: `sync_doctor --fix` initiates this one."""
    by_hand = f"in mongosh: {node.initiate_command}"
    initiate = f"Run manage.py sync_doctor --fix (or, {by_hand})" if can_fix else by_hand.capitalize()
    if node.standing is Standing.NOT_INITIATED:
        return _numbered(initiate)
    if node.standing is Standing.STAND_ALONE:
        return _numbered(*_restart_as_a_set(node), *_name_in_uri(node, variable), initiate)
    if node.standing is Standing.OTHER_NAME:
        return (f"Write replicaSet={node.set_name} into {variable}, or leave it out",)
    if node.standing is Standing.RENAMED:
        return (f"In mongosh: {_rename(node)[:-1]}, {{force: true}})", BY_ITSELF)
    if node.standing is Standing.UNREACHABLE_NAMES:
        return _reachable(node, variable)
    return ()


def explained(node: Node, variable: str, can_fix: bool = True) -> str:
    """Problem and steps in one line; empty: no problem."""
    found = problem(node, variable)
    return f"{found}. {' '.join(steps(node, variable, can_fix))}" if found else ""


def initiate(uri: str, node: Node) -> None:
    """Initiate the set with this one member, under the name by which the URI reaches it, and wait until it takes writes.

    Raises PyMongoError; with code 93 the server does not find itself under that name.
    """
    config = {"_id": node.set_name, "members": [{"_id": 0, "host": node.address}]}
    with _direct(uri) as client:
        client.admin.command("replSetInitiate", config)
        deadline = time.monotonic() + ELECTION_SECONDS
        while not client.admin.command("hello")["isWritablePrimary"]:
            if time.monotonic() > deadline:
                raise PyMongoError(f"no primary was elected within {ELECTION_SECONDS:.0f} s")
            time.sleep(0.1)


# What it is


def _only_address(uri: str) -> str:
    if uri.startswith("mongodb+srv://"):
        return ""
    nodes = parse_uri(uri, warn=False)["nodelist"]
    host, port = nodes[0]
    return f"{host}:{port}" if len(nodes) == 1 and port else ""


def _option(uri: str, name: str) -> str:
    pairs = parse_qsl(uri.partition("?")[2].replace(";", "&"))
    return next((value for key, value in pairs if key.lower() == name), "")


def _direct(uri: str) -> MongoClient[dict[str, Any]]:
    # Arguments override the URI's options; a replicaSet option would hide a stand-alone server
    return MongoClient(
        uri,
        appname="isthmus start",
        directConnection=True,
        replicaSet=None,
        serverSelectionTimeoutMS=ANSWER_MS,
        connectTimeoutMS=ANSWER_MS,
        socketTimeoutMS=ANSWER_MS * 5,
    )


def _describe(client: MongoClient[dict[str, Any]], address: str, wanted: str) -> Node:
    hello = client.admin.command("hello")
    members = (*hello.get("hosts", ()), *hello.get("passives", ())) or _configured(client)
    options = _command_line(client)
    parsed = options.get("parsed", {})
    replication = parsed.get("replication", {})
    started_for = replication.get("replSetName") or replication.get("replSet") or wanted or DEFAULT_NAME
    return Node(
        address,
        _standing(hello, address, wanted, members),
        hello.get("setName") or started_for.partition("/")[0],
        wanted,
        members,
        tuple(options.get("argv", ())),
        parsed.get("config", ""),
        bool(replication),
        parsed.get("security", {}).get("authorization") == "enabled",
        _system(client),
    )


def _standing(hello: Mapping[str, Any], address: str, wanted: str, members: tuple[str, ...]) -> Standing:
    if hello.get("msg") == "isdbgrid":
        return Standing.FINE
    if not is_set(hello):
        if not hello.get("isreplicaset"):
            return Standing.STAND_ALONE
        return Standing.RENAMED if members else Standing.NOT_INITIATED
    if wanted and wanted != hello["setName"]:
        return Standing.OTHER_NAME
    lost = members and address not in members and not any(map(_can_be_reached, members))
    return Standing.UNREACHABLE_NAMES if lost else Standing.FINE


def _configured(client: MongoClient[dict[str, Any]]) -> tuple[str, ...]:
    """The members of a set without a primary."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure:  # there is none, or the login lacks the privilege
        return ()
    return tuple(member["host"] for member in config["members"])


def _can_be_reached(member: str) -> bool:
    host, _, port = member.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_MS / 1000).close()
    except OSError:
        return False
    return True


def _command_line(client: MongoClient[dict[str, Any]]) -> dict[str, Any]:
    try:
        return dict(client.admin.command("getCmdLineOpts"))
    except OperationFailure:  # the login lacks the privilege
        return {}


def _system(client: MongoClient[dict[str, Any]]) -> str:
    try:
        return str(client.admin.command("buildInfo").get("buildEnvironment", {}).get("target_os", ""))
    except OperationFailure:
        return ""


# What to do


def _numbered(*lines: str) -> tuple[str, ...]:
    numbers = [f"{number}. " for number in range(1, len(lines) + 1)] if len(lines) > 1 else [""]
    return (*(f"{number}{line}." for number, line in zip(numbers, lines, strict=True)), BY_ITSELF)


def _restart_as_a_set(node: Node) -> list[str]:
    """Steps to restart it as one. Commands can be pasted."""
    if node.arguments and not node.config_file:
        command = shlex.join([*node.arguments, "--replSet", node.set_name])
        key = " and --keyFile" if node.checks_logins else ""
        return [f"Stop mongod, and start it with --replSet{key} (in a container: in its command): {command}"]
    file, restart = {
        "macOS": ("/opt/homebrew/etc/mongod.conf", "brew services restart mongodb-community"),
        "windows": (r"C:\Program Files\MongoDB\Server\…\bin\mongod.cfg", "Restart-Service MongoDB"),
    }.get(node.system, ("/etc/mongod.conf", "sudo systemctl restart mongod"))
    file = node.config_file or file
    if node.has_section:
        lines = [f"Add to {file}, below `replication:`, the line `  replSetName: {node.set_name}`"]
    else:
        lines = [f"Add to {file} the line `replication: {{replSetName: {node.set_name}}}`"]
    if node.checks_logins:
        lines.append(
            "Access control is on: create a key file (openssl rand -base64 756), owned by mongod's user with mode 400, and"
            f" name it in {file} below `security:` with the line `  keyFile: /path/of/the/key`"
        )
    return [*lines, f"Restart it: {restart}"]


def _name_in_uri(node: Node, variable: str) -> list[str]:
    other = node.wanted and node.wanted != node.set_name
    return [f"Write replicaSet={node.set_name} into {variable}"] if other else []


def _reachable(node: Node, variable: str) -> tuple[str, ...]:
    if len(node.members) > 1:
        names = " ".join(sorted({member.rpartition(":")[0] for member in node.members}))
        return (
            f"Make the names {names} resolvable on this host (DNS, or /etc/hosts), and their ports reachable",
        )
    return (
        f"Add directConnection=true to {variable}; or make resolvable on this host the name"
        f" {node.members[0].rpartition(':')[0]} (DNS, or /etc/hosts); or rename the member, in mongosh:"
        f" {_rename(node)}",
    )


def _rename(node: Node) -> str:
    return f'cfg = rs.conf(); cfg.members[0].host = "{node.address}"; rs.reconfig(cfg)'
