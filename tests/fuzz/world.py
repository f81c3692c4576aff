"""A device at work on two servers, operations sent to either side, and what both sides hold, as bytes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pymongo.uri_parser import parse_uri

from syncapp.core.content import document_key, elements, id_of
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from tests.fuzz.bson_bytes import Element, Field, of, text
from tests.fuzz.document_operations import ask_for_all
from tests.fuzz.names import usable
from tests.fuzz.operation import Operation
from tests.fuzz.plan import Plan
from tests.fuzz.probe import COLLECTIONS as PROBES
from tests.fuzz.wire import Refused, Wire
from tests.integration.conftest import Workshop
from tests.support.device import Device

SKIPPED = re.compile(rb"(_sync_|system\.(views|profile|buckets\.))")  # sync's own, and the server's
SPECIAL_OPTIONS = (b"\x08capped\0", b"\x03collation\0")
Documents = dict[bytes, bytes]  # identity of the _id → document
Contents = dict[bytes, Documents]


@dataclass
class World:
    device: Device
    wires: dict[Side, Wire]
    databases: dict[Side, str]
    log: list[str] = field(default_factory=list)  # what was done, and what the server said
    began: float = field(default_factory=time.monotonic)

    def note(self, line: str) -> None:
        self.log.append(f"{time.monotonic() - self.began:7.2f} {line}")

    def carry_out(self, operation: Operation) -> None:
        """What the server refuses is no fault."""
        time.sleep(operation.pause)
        try:
            if len(operation.commands) > 1:
                self._in_transaction(operation)
            else:
                self._send(operation.side, operation.fields[0])
            self.note(f"{operation}")
        except Refused as error:
            self.note(f"{operation}   refused: {error}")

    def contents(self, side: Side) -> Contents:
        """Of every collection that applications have; views and empty ones have no documents."""
        found: Contents = {}
        for name, info in self._collections(side).items():
            if info[b"type"][4:-1] != b"collection":
                continue
            try:
                stored = self.wires[side].documents(self.databases[side], *ask_for_all(name))
            except Refused:  # it went meanwhile, or its name was taken by a view
                continue
            if stored:
                found[name] = {document_key("", id_of(one)).identity: one for one in stored}
        return found

    def special(self) -> set[bytes]:
        """Collections of the kinds that are not synchronised. That they are is looked at once a minute."""
        return {
            name
            for side in self.wires
            for name, info in self._collections(side).items()
            if info[b"type"][4:-1] != b"collection"
            or any(one in info[b"options"] for one in SPECIAL_OPTIONS)
            or not usable(name)
        }

    def _collections(self, side: Side) -> dict[bytes, dict[bytes, bytes]]:
        """What listCollections says of each."""
        infos = self.wires[side].documents(self.databases[side], (b"listCollections", of(1)))
        described = [{name: value for _, name, value in elements(info)} for info in infos]
        named = {info[b"name"][4:-1]: info for info in described}
        return {name: info for name, info in named.items() if name not in PROBES and not SKIPPED.match(name)}

    def _send(self, side: Side, fields: list[Field], *more: Field) -> None:
        database = self.databases[side]
        if fields[0][0] == b"renameCollection":
            fields = [(name, self._full_name(database, name, value)) for name, value in fields]
            database = "admin"
        self.wires[side].command(database, *fields, *more)

    @staticmethod
    def _full_name(database: str, field_name: bytes, value: Element) -> Element:
        if field_name == b"dropTarget":
            return value
        return text(database.encode() + b"." + value[1][4:-1])

    def _in_transaction(self, operation: Operation) -> None:
        wire, database = self.wires[operation.side], self.databases[operation.side]
        session = wire.new_transaction()
        first: tuple[Field, ...] = ((b"startTransaction", of(True)),)
        for fields in operation.fields:
            wire.command(database, *fields, *session, *first)
            first = ()
        wire.command("admin", (b"commitTransaction", of(1)), *session)


@contextmanager
def world(workshop: Workshop, folder: Path, plan: Plan) -> Iterator[World]:
    """Its databases go at the end: a long run has many."""
    settings = {
        "CONFLICT_RESOLUTION_STRATEGY": plan.strategy,
        "BIDIRECTIONAL_EXCLUDED_COLLECTIONS": ",".join(plan.excluded) or "nothing_is_excluded",
        "SYNC_INITIAL_CHOICE": "differing=atlas,only-atlas=pull,only-local=push",
        "SYNC_API_PUBLIC_READ": "true",
        "SYNC_APPLY_MAX_ATTEMPTS": "3",  # what keeps failing is named sooner
    }
    device = workshop.make(folder / "device", **settings)
    servers: dict[Side, Mongod] = {Side.LOCAL: workshop.local, Side.ATLAS: workshop.atlas}
    uris = {Side.LOCAL: device.settings["MONGODB_URI"], Side.ATLAS: device.settings["MONGODB_ATLAS_URI"]}
    databases = {side: str(parse_uri(uri)["database"]) for side, uri in uris.items()}
    wires = {side: Wire(server.port) for side, server in servers.items()}
    try:
        device.start()
        yield World(device, wires, databases)
    finally:
        device.end()
        for wire in wires.values():
            wire.close()
