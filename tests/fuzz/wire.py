"""Commands to a server as bytes (OP_MSG), so that no driver refuses what the server takes."""

from __future__ import annotations

import itertools
import uuid

import bson
from bson import Binary, Int64
from bson.binary import UUID_SUBTYPE
from bson.codec_options import CodecOptions, DatetimeConversion

from syncapp.core.content import documents_in, elements
from tests.fuzz.bson_bytes import Field, embedded, of, text, whole
from tests.support.wire import Connection

_LENIENT: CodecOptions[dict[str, object]] = CodecOptions(
    unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_MS
)
SECONDS = 90.0  # until a server that does not answer is an error


class Refused(Exception):
    """The server's answer is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message[:150]}")
        self.code = code


class Wire(Connection):
    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), SECONDS)
        self._transactions = itertools.count(1)
        self._session = uuid.uuid4().bytes

    def new_transaction(self) -> list[Field]:
        """What each command of it carries."""
        identity = embedded([(b"id", of(Binary(self._session, UUID_SUBTYPE)))])
        number = of(Int64(next(self._transactions)))
        return [(b"lsid", identity), (b"txnNumber", number), (b"autocommit", of(False))]

    def command(self, database: str, *fields: Field) -> bytes:
        """The reply. Raises Refused, also for the first of the documents that was not written; OSError."""
        reply = self.send(whole(*fields, (b"$db", text(database.encode()))))
        self._raise_for(reply)
        return reply

    def documents(self, database: str, *query: Field) -> list[bytes]:
        """All documents that a command with a cursor brings."""
        found = []
        cursor = _field(self.command(database, *query), b"cursor")
        found += documents_in(_field(cursor, b"firstBatch"))
        while any(identity := _field(cursor, b"id")):
            name = _field(cursor, b"ns")[4:-1].split(b".", 1)[1]
            more = (b"getMore", (0x12, identity)), (b"collection", text(name))
            cursor = _field(self.command(database, *more), b"cursor")
            found += documents_in(_field(cursor, b"nextBatch"))
        return found

    @staticmethod
    def _raise_for(reply: bytes) -> None:
        if {name for _, name, _ in elements(reply)}.isdisjoint({b"errmsg", b"writeErrors"}):
            return
        decoded = bson.decode(reply, codec_options=_LENIENT)
        errors = decoded.get("writeErrors", [decoded])
        raise Refused(int(errors[0].get("code", 0)), str(errors[0].get("errmsg", "")))


def _field(document: bytes, wanted: bytes) -> bytes:
    return next(value for _, name, value in elements(document) if name == wanted)
