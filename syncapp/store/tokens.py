"""Resume tokens in the local `_sync_metadata`: the truth, which ages with the data they belong to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.mongo.change_stream import token_position
from syncapp.store.names import METADATA


class InvalidToken(ValueError):
    """What is saved cannot be a resume token."""


def token_id(side: Side) -> str:
    return f"{side}-resume-token"


def load_token(local: Database[Any], side: Side) -> dict[str, Any] | None:
    """The saved token; None if there is none. Raises InvalidToken."""
    found = local[METADATA].find_one({"_id": token_id(side)})
    if found is None:
        return None
    token = found.get("token")
    try:
        token_position(token if isinstance(token, Mapping) else {})
    except ValueError as error:
        raise InvalidToken(f"the saved {side} resume token is not one") from error
    return dict(token)


def save_token(
    local: Database[Any],
    side: Side,
    token: Mapping[str, Any],
    session: ClientSession | None = None,
    *,
    anew: bool = True,
) -> bool:
    """`anew`: also if there is none yet. Otherwise False: the token was deleted, and stays so."""
    saved = local[METADATA].replace_one(
        {"_id": token_id(side)},
        {"token": dict(token), "savedAt": dt.datetime.now(dt.UTC)},
        upsert=anew,
        session=session,
    )
    return anew or saved.matched_count == 1


def missing_tokens(local: Database[Any], sides: Iterable[Side]) -> set[Side]:
    """Sides whose streams are read although their token was deleted meanwhile: a person asks for a
    comparison that way. Raises PyMongoError."""
    ids = {token_id(side): side for side in sides}
    found = local[METADATA].find({"_id": {"$in": list(ids)}}, {"_id": 1})
    return set(ids.values()) - {ids[one["_id"]] for one in found}
