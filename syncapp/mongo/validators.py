"""Whether a collection's own validator refuses a version that is not stored: asked of the server, as for a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.mongo.listing import list_collections
from syncapp.mongo.matching import would_match


def refuses(
    target: Database[Any], source: Database[Any], collection: str, there: bytes | None, version: bytes
) -> bool:
    """Would `target` refuse to write this version over what is `there`? Both are matched on `source`, whose collection must not
    be empty. False also if the validator fails over a document (a division by zero). Raises PyMongoError."""
    options: Mapping[str, Any] = next((one["options"] for one in list_collections(target, collection)), {})
    validator, level = options.get("validator"), options.get("validationLevel", "strict")
    if not validator or level == "off" or options.get("validationAction") == "warn":
        return False
    try:
        if level == "moderate" and there and not would_match(source, collection, there, validator):
            return False  # what is there violates it already: it may be changed into anything
        return not would_match(source, collection, version, validator)
    except OperationFailure:
        return False
