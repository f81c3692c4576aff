"""One document as it is on both sides at this moment, for people who look at it. Nothing is written."""

from __future__ import annotations

import binascii
import struct
from base64 import urlsafe_b64decode
from dataclasses import dataclass

from bson.errors import BSONError

from syncapp.core.content import decode_for_people, document_key, id_of
from syncapp.core.extended_json import extended_json
from syncapp.core.values import Side
from syncapp.services.databases import database
from syncapp.services.native_writes import read_now

PROCESS = "document"


class WrongId(ValueError):
    """The text is not BSON of an `_id` in base64."""


@dataclass(frozen=True, slots=True)
class Document:
    """Canonical extended JSON of both versions; empty: absent. `equal`: byte for byte."""

    local: str
    atlas: str
    equal: bool


def id_in(text: str) -> bytes:
    """BSON of {_id: …}, as an address carries it (base64 for addresses). Raises WrongId."""
    try:
        id_bson = urlsafe_b64decode(text)
        decode_for_people(id_bson)  # is it sound, down to its last field?
        if id_of(id_bson) == id_bson:
            return id_bson
    except (binascii.Error, BSONError, struct.error, ValueError, IndexError):
        pass
    raise WrongId(f"{text[:100]!r} is no _id as BSON in base64")


def read_both(collection: str, id_bson: bytes) -> Document:
    """`id_bson`: BSON of {_id: …}. Raises SyncError or Unreachable."""
    key = document_key(collection, id_bson)
    with database(Side.LOCAL, PROCESS) as local, database(Side.ATLAS, PROCESS) as atlas:
        versions = [read_now(one, key) for one in (local, atlas)]
    return Document(extended_json(versions[0]), extended_json(versions[1]), versions[0] == versions[1])
