"""Resume tokens in the local `_sync_metadata`: authoritative, and restored together with the data.

{_id: "<side>-resume-token", token, savedAt}. The listener writes them; deleting one asks for a comparison."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.mongo.change_stream import token_position
from syncapp.store.names import METADATA, token_id


class InvalidToken(ValueError):
    """What is saved cannot be a resume token."""


class SavedToken(NamedTuple):
    """What is saved. Anybody may have changed it there: `token` may be none."""

    token: dict[str, Any]
    saved_at: dt.datetime | None


def read_token(local: Database[Any], side: Side) -> SavedToken | None:
    """Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": token_id(side)})
    if found is None:
        return None
    token, saved_at = found.get("token"), found.get("savedAt")
    return SavedToken(
        dict(token) if isinstance(token, Mapping) else {},
        saved_at.replace(tzinfo=dt.UTC) if isinstance(saved_at, dt.datetime) else None,
    )


def load_token(local: Database[Any], side: Side) -> dict[str, Any] | None:
    """The saved token; None if there is none. Raises InvalidToken."""
    found = read_token(local, side)
    if found is None:
        return None
    try:
        token_position(found.token)
    except ValueError as error:
        raise InvalidToken(f"the saved {side} resume token is invalid") from error
    return found.token


def save_token(
    local: Database[Any],
    side: Side,
    token: Mapping[str, Any],
    session: ClientSession | None = None,
    *,
    anew: bool = True,
) -> bool:
    """`anew`: also if there is none yet. Otherwise False: the token was deleted, and is not restored."""
    saved = local[METADATA].replace_one(
        {"_id": token_id(side)},
        {"token": dict(token), "savedAt": dt.datetime.now(dt.UTC)},
        upsert=anew,
        session=session,
    )
    return anew or saved.matched_count == 1


def missing_tokens(local: Database[Any], sides: Iterable[Side]) -> set[Side]:
    """Sides that are being read although their token was deleted: an operator's request for a
    comparison. Raises PyMongoError."""
    ids = {token_id(side): side for side in sides}
    found = local[METADATA].find({"_id": {"$in": list(ids)}}, {"_id": 1})
    return set(ids.values()) - {ids[one["_id"]] for one in found}


def forget_token(local: Database[Any], side: Side) -> bool:
    """Delete the token: the next start compares both sides. False: there was none. Raises PyMongoError."""
    return local[METADATA].delete_one({"_id": token_id(side)}).deleted_count > 0
