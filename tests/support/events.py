"""Change events as the server lays them out."""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any

import bson
from bson import Binary, Int64, Timestamp


def event(
    collection: str,
    key: Any,
    document: dict[str, Any] | None = None,
    transaction: int = 0,
    shuffled: bool = False,
    document_key: dict[str, Any] | None = None,
) -> bytes:
    """An event as the server lays it out; `shuffled`: in another order. `document_key`: of a sharded collection."""
    first = (
        {"txnNumber": Int64(transaction), "lsid": {"id": Binary(b"0123456789abcdef", 4)}}
        if transaction
        else {}
    )
    found: dict[str, Any] = {
        "_id": {"_data": "82AF"},
        "operationType": "insert",
        "clusterTime": Timestamp(5, 1),
        "wallTime": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "documentKey": document_key or {"_id": key},
        "c": collection,
    }
    if document is not None:
        found["fullDocument"] = document
    if shuffled:
        return bson.encode(dict(sorted((first | found).items(), reverse=True)))
    elements = bson.encode(first)[4:-1] + bson.encode(found)[4:-1]  # else `_id` would come first
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def marker(batch_id: str, origin: str, **more: Any) -> dict[str, Any]:
    return {"_id": batch_id, "origin": origin, "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), **more}


def structural(operation: str, collection: str = "") -> bytes:
    """An event that names no document."""
    return bson.encode(
        {
            "_id": {"_data": "82AF"},
            "operationType": operation,
            "clusterTime": Timestamp(5, 1),
            "wallTime": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            "c": collection,
        }
    )
