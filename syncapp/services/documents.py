"""A document as it is at this moment, on one side or on both, for people who look at it. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import bson
from bson import json_util
from bson.errors import BSONError
from bson.json_util import DatetimeConversion

from syncapp.core.content import document_key
from syncapp.core.extended_json import extended_json
from syncapp.core.values import BOTH, DocumentKey, Side
from syncapp.mongo.documents import read_documents
from syncapp.mongo.transaction import transaction, translated
from syncapp.services.databases import database, refused_by
from syncapp.services.errors import WrongInput

PROCESS = "document"
MAX_BYTES = 64 * 1024 * 1024
_EXACT = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS
)


@dataclass(frozen=True, slots=True)
class Document:
    """Canonical extended JSON of both versions; empty: absent. `equal`: byte for byte."""

    local: str
    atlas: str
    equal: bool


def read_both(collection: str, document_id: str) -> Document:
    """`document_id`: the `_id` in canonical extended JSON. Raises WrongInput, NotPossible or Unreachable."""
    try:
        id_bson = bson.encode({"_id": json_util.loads(document_id, json_options=_EXACT)})
    except (ValueError, TypeError, KeyError, OverflowError, BSONError) as error:
        raise WrongInput(f"{document_id[:100]!r} is no _id in extended JSON", "id") from error
    key = document_key(collection, id_bson)
    versions = [read_now(side, PROCESS, key) for side in BOTH]
    return Document(extended_json(versions[0]), extended_json(versions[1]), versions[0] == versions[1])


def read_now(side: Side, process: str, key: DocumentKey) -> bytes | None:
    """Raw BSON. None: absent. Raises NotPossible or Unreachable."""
    with (
        database(side, process) as there,
        refused_by(side, "does not tell what it holds"),
        translated(),
        transaction(there) as session,
    ):
        return read_documents(there[key.collection], [key], session, MAX_BYTES).get(key)
