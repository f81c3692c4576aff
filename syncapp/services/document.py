"""One document as it is on both sides at this moment, for people who look at it. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import bson
from bson import json_util
from bson.errors import BSONError
from bson.json_util import DatetimeConversion

from syncapp.core.content import document_key
from syncapp.core.extended_json import extended_json
from syncapp.core.values import Side
from syncapp.services.databases import database
from syncapp.services.native_writes import read_now

PROCESS = "document"
_EXACT = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS
)


class WrongId(ValueError):
    """The text is no `_id` in extended JSON."""


@dataclass(frozen=True, slots=True)
class Document:
    """Canonical extended JSON of both versions; empty: absent. `equal`: byte for byte."""

    local: str
    atlas: str
    equal: bool


def read_both(collection: str, document_id: str) -> Document:
    """`document_id`: the `_id` in canonical extended JSON. Raises WrongId, SyncError or Unreachable."""
    try:
        id_bson = bson.encode({"_id": json_util.loads(document_id, json_options=_EXACT)})
    except (ValueError, TypeError, KeyError, OverflowError, BSONError) as error:
        raise WrongId(f"{document_id[:100]!r} is no _id in extended JSON") from error
    key = document_key(collection, id_bson)
    with database(Side.LOCAL, PROCESS) as local, database(Side.ATLAS, PROCESS) as atlas:
        versions = [read_now(one, key) for one in (local, atlas)]
    return Document(extended_json(versions[0]), extended_json(versions[1]), versions[0] == versions[1])
