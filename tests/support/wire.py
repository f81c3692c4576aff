"""Commands as bytes over a socket: for what the driver refuses to send and the server takes."""

from __future__ import annotations

import socket
import struct
from contextlib import closing
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo.database import Database

from syncapp.core.content import wrap

_LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(unicode_decode_error_handler="backslashreplace")
_HEADER = struct.Struct("<iiiiIB")
_OP_MSG = 2013


class Connection:
    """To a server without login or TLS."""

    def __init__(self, address: tuple[str, int], seconds: float) -> None:
        """`seconds`: until a server that does not answer is an error."""
        self._socket = socket.create_connection(address, timeout=seconds)
        self._reader = self._socket.makefile("rb")

    def send(self, body: bytes) -> bytes:
        """The reply to a command, both as BSON. Raises OSError."""
        self._socket.sendall(_HEADER.pack(_HEADER.size + len(body), 1, 0, _OP_MSG, 0, 0) + body)
        length = struct.unpack("<i", self._receive(4))[0]
        return self._receive(length - 4)[_HEADER.size - 4 :]

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def _receive(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise ConnectionError("the server has closed the connection")
        return data


def string(name: bytes, value: bytes) -> bytes:
    """A BSON element: a string of any bytes."""
    return b"\x02" + name + b"\0" + struct.pack("<i", len(value) + 1) + value + b"\0"


def command(database: Database[Any], elements: bytes) -> dict[str, Any]:
    """Send a command, given as the BSON elements of its document. Raises AssertionError if the server refuses it."""
    address = database.client.address
    assert address is not None
    with closing(Connection(address, 10)) as connection:
        body = wrap(elements + string(b"$db", database.name.encode()))
        reply = bson.decode(connection.send(body), codec_options=_LENIENT)
    assert reply["ok"], reply
    assert "writeErrors" not in reply, reply
    return reply


def create(database: Database[Any], name: bytes) -> None:
    command(database, string(b"create", name))


def insert(database: Database[Any], name: bytes, *documents: bytes) -> None:
    """Insert documents, given as BSON."""
    listed = b"".join(b"\x03%d\0" % place + one for place, one in enumerate(documents))
    command(database, string(b"insert", name) + b"\x04documents\0" + wrap(listed))
