"""What of a change stream is taken for a change of an application."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Binary, Int64, ObjectId
from bson.raw_bson import RawBSONDocument

from syncapp.core.changes import UNREADABLE, Change, Structural
from syncapp.core.values import Fact, Operation, Side
from syncapp.listener.streams.events import EventReader
from syncapp.listener.streams.raw_event import cut, decode, transaction_of
from tests.support.dirty import key as key_of
from tests.support.events import event, marker

DEVICE = "device"


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


@pytest.mark.parametrize(("made", "counts"), [(2025, 2025), (2027, 2026)])
def test_a_change_of_another_device_was_made_before_it_arrived(made: int, counts: int) -> None:
    """Whatever that device's clock says; else nothing would win against it until then."""
    entry = {"k": {"_id": 1}, "t": dt.datetime(made, 1, 1, tzinfo=dt.UTC)}
    batch = event("_sync_batches", "b1", marker("b1", "another", c="orders", docs=[entry]), transaction=7)
    (change,) = reader(Side.ATLAS).read([batch, event("orders", 1, transaction=7)])
    assert isinstance(change, Change)
    assert change.fact
    assert change.fact.time == dt.datetime(counts, 1, 1, tzinfo=dt.UTC).timestamp() * 1000


@pytest.mark.parametrize("side", list(Side))
def test_times_of_this_device_are_told_by_the_clock_of_atlas(side: Side) -> None:
    read = EventReader(side, DEVICE, lambda time: time + 500, lambda ids: set())
    (change,) = read.read([event("orders", 1)])
    assert isinstance(change, Change)
    assert change.fact
    wall = round(dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp() * 1000)
    assert change.fact.time == wall + (500 if side is Side.LOCAL else 0)


@pytest.mark.parametrize("task", ["late", "known", ""])
def test_what_a_superseded_task_wrote_here_is_looked_at_again(task: str) -> None:
    named = {"task": task} if task else {}
    own = event("_sync_batches", "b1", marker("b1", DEVICE, c="", docs=[], **named), transaction=7)
    events = [own, event("orders", 1, transaction=7), event("orders", 2)]
    here = EventReader(Side.LOCAL, DEVICE, int, lambda ids: set(), superseded=lambda one: one == "late")
    *again, native = here.read(events)
    assert again == ([Change(key_of(1), None)] if task == "late" else []), "and is no application's"
    assert isinstance(native, Change)
    assert native.fact is not None


KEYS = [
    1,
    Int64(1),
    ObjectId("65000000000000000000000a"),
    None,
    1.5,
    "x\0\x02c\0",
    {"c": 1, "documentKey": {"_id": 1}},
    Binary(b"\x02c\0\1\0\0\0\0"),
]


@pytest.mark.parametrize("transaction", [0, 7])
@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_a_plain_event_is_cut_apart_as_it_would_be_decoded(key: Any, transaction: int) -> None:
    plain, shuffled = (event("orders", key, transaction=transaction, shuffled=one) for one in (False, True))
    found = cut(plain)
    assert found is not None
    assert found == decode(RawBSONDocument(plain)) == decode(RawBSONDocument(shuffled))
    assert found.id_bson == bson.encode({"_id": key})
    assert found.position == 5 << 32 | 1
    assert cut(shuffled) is None
    assert (transaction_of(plain) is None) == (transaction_of(shuffled) is None) == (not transaction)
    assert reader(Side.ATLAS).read([plain]) == reader(Side.ATLAS).read([shuffled])


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("key", [*KEYS, {"shop": 1}], ids=repr)
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_document_of_a_sharded_collection_is_known_by_its_id(place: str, key: Any, shuffled: bool) -> None:
    shard: dict[str, Any] = {"shop": 1, "at.x": {"_id": 7}}
    both = {"_id": key, **shard} if place == "first" else {**shard, "_id": key}
    sharded = event("orders", None, document_key=both, shuffled=shuffled)
    assert (cut(sharded) is None) is shuffled
    (change,) = reader(Side.ATLAS).read([sharded])
    assert isinstance(change, Change)
    assert change.key == key_of(key)
    assert change.key.id_bson == bson.encode({"_id": key})
    assert reader(Side.ATLAS).read([event("orders", key)]) == [change]


def test_the_marker_of_a_batch_names_documents_of_a_sharded_collection_by_their_ids() -> None:
    own = event("_sync_batches", "b1", marker("b1", "another", c="orders", docs=[{"k": {"_id": 5}}]), 7)
    (change,) = reader(Side.ATLAS).read(
        [own, event("orders", None, None, 7, document_key={"shop": 1, "_id": 5})]
    )
    assert getattr(change, "fact").origin == "another"  # noqa: B009


def test_an_event_whose_document_key_has_no_id_has_its_collection_compared() -> None:
    odd = event("orders", None, document_key={"shop": 1})
    assert reader(Side.ATLAS).read([odd]) == [Structural(UNREADABLE, "orders")]


def test_an_event_that_carries_a_document_is_not_plain() -> None:
    assert cut(event("orders", 1, {"c": "other"})) is None


def test_before_mongodb_6_the_time_is_that_of_the_cluster() -> None:
    old = bson.decode(event("orders", 1))
    del old["wallTime"]
    (change,) = reader(Side.ATLAS).read([bson.encode(old)])
    assert cut(bson.encode(old)) is not None
    assert getattr(change, "fact").time == 5_000  # noqa: B009


def test_events_of_one_transaction_are_known_by_what_they_have_in_common() -> None:
    one, other, next_one = (
        [event("orders", key, transaction=number, shuffled=shuffled) for shuffled in (False, True)]
        for key, number in ((1, 7), (2, 7), (3, 8))
    )
    (common,) = {transaction_of(found) for found in one + other}
    (next_common,) = {transaction_of(found) for found in next_one}
    assert common
    assert common != next_common


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("then", [False, True])
def test_a_transaction_goes_on_in_events_of_another_layout(first: bool, then: bool) -> None:
    own = event("_sync_batches", "b1", marker("b1", DEVICE), transaction=7, shuffled=first)
    reads = reader(Side.ATLAS, "b1")
    assert reads.read([own, event("orders", 1, transaction=7, shuffled=then)]) == []
    assert len(reads.read([event("orders", 1, transaction=8, shuffled=then)])) == 1
    reads.read([own])
    assert len(reads.read([event("orders", 1, shuffled=then)])) == 1, "it belongs to no transaction"


def test_an_event_that_cannot_be_read_stops_nobody_and_has_its_collection_compared() -> None:
    broken = bson.decode(event("orders", 1))
    del broken["clusterTime"]
    found = reader(Side.ATLAS).read([bson.encode(broken), event("menu", 2)])
    assert found[0] == Structural(UNREADABLE, "orders")
    assert getattr(found[1], "key").collection == "menu"  # noqa: B009


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_name_that_is_not_utf_8_is_read_as_one_to_show(shuffled: bool) -> None:
    raw = event("XY", 1, shuffled=shuffled).replace(b"XY\0", b"\xff\xfe\0")
    (change,) = reader(Side.ATLAS).read([raw])
    assert getattr(change, "key").collection == "\\xff\\xfe"  # noqa: B009


@pytest.mark.parametrize(
    "document", [{"_id": 1}, {"_id": {"a": 1}, "origin": 5}, {"_id": "x", "origin": "y", "docs": 3}]
)
def test_what_a_person_writes_among_the_markers_is_no_marker(document: dict[str, Any]) -> None:
    events = [event("_sync_batches", 1, document, transaction=7), event("orders", 1, transaction=7)]
    (change,) = reader(Side.ATLAS).read(events)
    assert getattr(change, "key").collection == "orders"  # noqa: B009


def test_a_drop_is_to_the_documents_that_were_there_what_a_delete_is() -> None:
    dropped = bson.decode(event("orders", 1)) | {"operationType": "drop"}
    del dropped["documentKey"]
    (change,) = reader(Side.ATLAS).read([bson.encode(dropped)])
    assert isinstance(change, Structural)
    assert change.fact == Fact(5 << 32 | 1, 1767225600000, "atlas", Operation.DELETE)
