"""A document as it is at this moment, on one side or on both, for people who look at it. Nothing is written."""

from __future__ import annotations

import binascii
import struct
from base64 import urlsafe_b64decode
from dataclasses import dataclass

from bson.errors import BSONError

from syncapp.core.content import decode_for_people, document_key, id_of
from syncapp.core.text.extended_json import NoId, extended_json
from syncapp.core.text.typed_ids import typed_id
from syncapp.core.values import BOTH, DocumentKey, Side
from syncapp.mongo.documents import read_documents
from syncapp.mongo.transaction import transaction, translated
from syncapp.services.databases import database, refused_by
from syncapp.services.errors import WrongInput

PROCESS = "document"
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """Canonical extended JSON of both versions; empty: absent. `equal`: byte for byte."""

    local: str
    atlas: str
    equal: bool


def id_of_address(document_id: str, exact: str = "") -> bytes:
    """BSON of {_id: …}, as an address carries it: extended JSON, or as a person types it; or, where that cannot hold it,
    `exact`: BSON in base64 for addresses. Raises WrongInput."""
    if not exact:
        try:
            return typed_id(document_id)
        except NoId as error:
            raise WrongInput(str(error), "id") from error
    try:
        id_bson = urlsafe_b64decode(exact)
        decode_for_people(id_bson)  # is it sound, down to its last field?
        if id_of(id_bson) == id_bson:
            return id_bson
    except (binascii.Error, BSONError, struct.error, ValueError, IndexError):
        pass
    raise WrongInput(f"{exact[:100]!r} is not an _id as BSON in base64", "id")


def read_both(collection: str, id_bson: bytes) -> Document:
    """`id_bson`: BSON of {_id: …}. Raises NotPossible or Unreachable."""
    key = document_key(collection, id_bson)
    versions = [read_now(side, PROCESS, key) for side in BOTH]
    return Document(extended_json(versions[0]), extended_json(versions[1]), versions[0] == versions[1])


def read_now(side: Side, process: str, key: DocumentKey) -> bytes | None:
    """Raw BSON. None: absent. Raises NotPossible or Unreachable."""
    with (
        database(side, process) as there,
        refused_by(side, "cannot read the document"),
        translated(),
        transaction(there) as session,
    ):
        return read_documents(there[key.collection], [key], session, MAX_BYTES).get(key)
