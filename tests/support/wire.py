"""Commands as bytes over a socket: for what the driver refuses to send and the server takes."""

from __future__ import annotations

import socket
import struct
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo.database import Database

from syncapp.engine.content import wrap

_LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(unicode_decode_error_handler="backslashreplace")
_OP_MSG = 2013


def string(name: bytes, value: bytes) -> bytes:
    """A BSON element: a string of any bytes."""
    return b"\x02" + name + b"\0" + struct.pack("<i", len(value) + 1) + value + b"\0"


def command(database: Database[Any], elements: bytes) -> dict[str, Any]:
    """Send a command, given as the BSON elements of its document, to a server without login or TLS. Raises
    AssertionError if the server refuses it."""
    address = database.client.address
    assert address is not None
    body = b"\0\0\0\0\0" + wrap(elements + string(b"$db", database.name.encode()))
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, _OP_MSG) + body)
        reader = connection.makefile("rb")
        (length,) = struct.unpack("<i", reader.read(4))
        reply = bson.decode(reader.read(length - 4)[17:], codec_options=_LENIENT)
    assert reply["ok"], reply
    assert "writeErrors" not in reply, reply
    return reply


def create(database: Database[Any], name: bytes) -> None:
    command(database, string(b"create", name))


def insert(database: Database[Any], name: bytes, *documents: bytes) -> None:
    """Insert documents, given as BSON."""
    listed = b"".join(b"\x03%d\0" % place + one for place, one in enumerate(documents))
    command(database, string(b"insert", name) + b"\x04documents\0" + wrap(listed))
