"""A document as it is at this moment on one side, for people who look at it. Nothing is written."""

from __future__ import annotations

import binascii
import struct
from base64 import urlsafe_b64decode

from bson.errors import BSONError

from syncapp.core.content import decode_for_people, id_of
from syncapp.core.extended_json import NoId
from syncapp.core.typed_ids import typed_id
from syncapp.core.values import DocumentKey, Side
from syncapp.mongo.documents import read_documents
from syncapp.mongo.transaction import transaction, translated
from syncapp.services.databases import database, refused_by
from syncapp.services.errors import WrongInput

PROCESS = "document"
MAX_BYTES = 64 * 1024 * 1024


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


def read_now(side: Side, process: str, key: DocumentKey) -> bytes | None:
    """Raw BSON. None: absent. Raises NotPossible or Unreachable."""
    with (
        database(side, process) as there,
        refused_by(side, "cannot read the document"),
        translated(),
        transaction(there) as session,
    ):
        return read_documents(there[key.collection], [key], session, MAX_BYTES).get(key)
