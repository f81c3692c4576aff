"""The device's id, in the local `_sync_metadata`: {_id: "instance", instanceId, createdAt}. Made by whoever starts first; the listener
replaces it when a copied database becomes a device of its own."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.store.names import INSTANCE, METADATA


def instance_id(local: Database[Any]) -> str:
    """The device's id: created at the first start and stored in the local database."""
    found = local[METADATA].find_one_and_update(
        {"_id": INSTANCE},
        {"$setOnInsert": {"instanceId": str(uuid.uuid4()), "createdAt": dt.datetime.now(dt.UTC)}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return str(found["instanceId"]) if found else ""


def known_instance_id(local: Database[Any]) -> str:
    """The device's id; empty: sync has never run on this database. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": INSTANCE}) or {}
    return str(found.get("instanceId", ""))


def device_since(local: Database[Any]) -> dt.datetime | None:
    """When the database became a device. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": INSTANCE}) or {}
    since: dt.datetime | None = found.get("createdAt")
    return since


def become_new(local: Database[Any], session: ClientSession) -> None:
    """Become a new device. Raises PyMongoError."""
    new = {"instanceId": str(uuid.uuid4()), "createdAt": dt.datetime.now(dt.UTC)}
    local[METADATA].replace_one({"_id": INSTANCE}, new, upsert=True, session=session)
