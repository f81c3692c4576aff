"""No change of what a stream is filtered by loses its place."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import connect
from syncapp.mongo.errors import HistoryLost
from syncapp.mongo.transaction import transaction
from syncapp.store.names import DEVICES
from syncapp.store.stream import pipeline
from tests.support.eventually import eventually

NOTHING = pipeline(Side.ATLAS, Exclusions(), "old id")
BUSY = pipeline(Side.ATLAS, Exclusions.of(["busy*"]), "old id")
OTHER_ID = pipeline(Side.ATLAS, Exclusions(), "new id")
# The filter of the stream that read until now, the new one, and a collection that only the first one wants
CHANGES = [(NOTHING, BUSY, "busy"), (NOTHING, OTHER_ID, DEVICES), (BUSY, NOTHING, "shop")]


@pytest.fixture
def database(atlas_server: Mongod) -> Iterator[Database[Any]]:
    found = connect(atlas_server.uri(f"test_{uuid.uuid4().hex[:12]}"), "test")
    yield found
    found.client.drop_database(found.name)
    found.client.close()


def read(stream: ChangeStream, count: int) -> list[Any]:
    """The `_id`s that come, in their order; the stream's last token."""
    found: list[Any] = []

    def enough() -> bool:
        fetched = stream.fetch(50)
        found.extend(bson.decode(event)["documentKey"]["_id"] for event in fetched.events)
        return len(found) >= count

    eventually(enough, f"{count} events come", every=0.01)
    return found


def token_after(database: Database[Any], stages: list[dict[str, Any]], collection: str) -> dict[str, Any]:
    """Of a stream whose last event is one of this collection."""
    stream = ChangeStream.open(database, stages, 100, None)
    database[collection].insert_one({"_id": "old id"})
    tokens: list[dict[str, Any]] = []

    def came() -> bool:
        fetched = stream.fetch(50)
        tokens.append(fetched.token)
        return bool(fetched.events)

    eventually(came, "the event comes", every=0.01)
    stream.close()
    return tokens[-1]


@pytest.mark.parametrize(("before", "after", "collection"), CHANGES)
@pytest.mark.parametrize("events_wait", [True, False])
def test_a_stream_goes_on_behind_an_event_that_its_new_filter_hides(
    database: Database[Any],
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    collection: str,
    events_wait: bool,
) -> None:
    token = token_after(database, before, collection)
    if events_wait:
        database["shop"].insert_one({"_id": 1})
    stream = ChangeStream.open(database, after, 100, token)
    if not events_wait:
        stream.fetch(1)
        database["shop"].insert_one({"_id": 1})
    database["shop"].insert_one({"_id": 2})
    assert read(stream, 2) == [1, 2]
    stream.close()


@pytest.mark.parametrize("patterns", [("shop", "shops"), ("shop*", "none")])
def test_what_goes_first_is_read_alone_from_any_place_of_the_sides_own_stream(
    database: Database[Any], patterns: tuple[str, ...]
) -> None:
    token = token_after(database, NOTHING, "busy")
    for name in ("busy", "shop", "_sync_state", "shops"):
        database[name].insert_one({"_id": f"of {name}"})
    with transaction(database) as session:
        for name in ("_sync_batches", "shop", "busy"):
            database[name].insert_one({"_id": f"together, {name}"}, session=session)
    first = pipeline(Side.ATLAS, Exclusions.of(["shops"]), "old id", patterns, database.name)
    stream = ChangeStream.open(database, first, 100, token, narrower=True)
    database["shop"].insert_one({"_id": "last"})
    assert read(stream, 4) == ["of shop", "together, _sync_batches", "together, shop", "last"]
    stream.close()


def test_nothing_of_the_last_transaction_comes_twice(database: Database[Any]) -> None:
    database.create_collection("shop")
    database.create_collection("busy")
    stream = ChangeStream.open(database, NOTHING, 100, None)
    with transaction(database) as session:
        database["shop"].insert_one({"_id": 1}, session=session)
        database["busy"].insert_one({"_id": 2}, session=session)
        database["shop"].insert_one({"_id": 3}, session=session)
    events: list[bytes] = []
    eventually(lambda: events.extend(stream.fetch(50).events) or len(events) == 3, "it comes", every=0.01)
    stream.close()
    token = bson.decode(events[1])["_id"]
    stream = ChangeStream.open(database, BUSY, 100, token)
    database["shop"].insert_one({"_id": 4})
    assert read(stream, 2) == [3, 4]
    stream.close()


@pytest.mark.parametrize("stages", [NOTHING, BUSY])
def test_a_place_that_the_server_does_not_know_is_lost(
    database: Database[Any], stages: list[dict[str, Any]]
) -> None:
    token = token_after(database, NOTHING, "busy")
    # An event of another collection at the same time: a database that was put back has written something else
    before, mark, data = token["_data"].partition("5A1004")
    token["_data"] = before + mark + uuid.uuid4().hex.upper() + data[32:]
    database["shop"].insert_one({"_id": 1})

    def reads() -> bool:
        stream = ChangeStream.open(database, stages, 100, token)
        try:
            return bool(stream.fetch(50).events)
        finally:
            stream.close()

    with pytest.raises(HistoryLost):
        eventually(reads, "it is lost", every=0.01)
