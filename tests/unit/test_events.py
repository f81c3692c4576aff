"""What of a change stream is taken for a change of an application."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Binary, Timestamp
from bson.raw_bson import RawBSONDocument

from syncapp.engine.values import Side
from syncapp.streams.events import EventReader

DEVICE = "device"


def event(
    collection: str, key: Any, document: dict[str, Any] | None = None, transaction: int = 0
) -> RawBSONDocument:
    found: dict[str, Any] = {
        "_id": {"_data": "82"},
        "operationType": "insert",
        "ns": {"db": "shop", "coll": collection},
        "documentKey": {"_id": key},
        "clusterTime": Timestamp(5, 1),
        "wallTime": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }
    if document is not None:
        found["fullDocument"] = document
    if transaction:
        found |= {"lsid": {"id": Binary(b"0123456789abcdef", 4)}, "txnNumber": transaction}
    return RawBSONDocument(bson.encode(found))


def marker(batch_id: str, origin: str, **more: Any) -> dict[str, Any]:
    return {"_id": batch_id, "origin": origin, "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), **more}


def reader(side: Side, *remembered: str) -> EventReader:
    return EventReader(side, DEVICE, lambda time: time, lambda ids: set(ids) & set(remembered))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("origin", [DEVICE, "another device"])
def test_a_cancelled_marker_is_no_change(side: Side, origin: str) -> None:
    cancelled = event("_sync_batches", "b1", marker("b1", origin, cancelled=True))
    assert reader(side, "b1").read([cancelled]) == []


def test_a_cancelled_marker_hides_no_change_that_follows() -> None:
    cancelled = event("_sync_batches", "b1", marker("b1", DEVICE, cancelled=True))
    (change,) = reader(Side.ATLAS, "b1").read([cancelled, event("orders", 1)])
    assert getattr(change, "key").collection == "orders"  # noqa: B009


def test_a_transaction_that_begins_with_a_remembered_marker_is_an_echo() -> None:
    own = event(
        "_sync_batches", "b1", marker("b1", DEVICE, c="orders", docs=[{"k": {"_id": 1}}]), transaction=7
    )
    events = [own, event("orders", 1, transaction=7)]
    assert reader(Side.ATLAS, "b1").read(events) == []
    assert len(reader(Side.ATLAS).read(events)) == 1, "forgotten: it is somebody's change"
