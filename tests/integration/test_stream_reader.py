"""What a stream brought and could not be taken is brought again, as the first time."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database
from pymongo.errors import AutoReconnect

from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.sources.mongodb import MongoSource
from syncapp.listener.streams.events import EventReader
from syncapp.listener.streams.stream_reader import StreamReader
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.errors import HistoryLost
from syncapp.mongo.transaction import transaction
from syncapp.store.stream import pipeline
from tests.support.eventually import eventually

BATCH = 10
DOCUMENTS = 35


class Forgetful:
    """A sink that cannot take one batch, once."""

    def __init__(self, fails_at: int) -> None:
        self.taken: list[Change] = []
        self.failed = False
        self._fails_at = fails_at

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        if not self.failed and len(self.taken) >= self._fails_at:
            self.failed = True
            raise AutoReconnect("the local database is down")
        self.taken += [change for change in batch.changes if isinstance(change, Change)]

    def room(self) -> bool:
        return True

    def somebody_waits(self, side: Side) -> bool:
        return False

    def history_lost(self, side: Side, error: HistoryLost) -> None:
        raise error


def test_a_batch_in_the_middle_of_a_transaction_that_is_read_again_keeps_its_origin(
    atlas_db: Database[Any],
) -> None:
    for name in ("_sync_batches", "orders", "menu"):
        atlas_db.create_collection(name)
    opened = ChangeStream.open(atlas_db, pipeline(Side.ATLAS, Exclusions()), 1, None)
    token = opened.start_token
    opened.close()
    with transaction(atlas_db) as session:
        docs = [{"k": {"_id": number}} for number in range(DOCUMENTS)]
        marker = {"_id": "b1", "origin": "another device", "at": dt.datetime.now(dt.UTC), "c": "orders"}
        atlas_db["_sync_batches"].insert_one({**marker, "docs": docs}, session=session)
        atlas_db["orders"].insert_many([{"_id": number} for number in range(DOCUMENTS)], session=session)
    # It ends the batch that fails: the reader stands outside of the transaction then
    atlas_db["menu"].insert_many([{"_id": number} for number in range(BATCH)])

    sink = Forgetful(fails_at=DOCUMENTS - BATCH)
    events = EventReader(Side.ATLAS, "device", lambda time: time, lambda ids: set())
    reader = StreamReader(
        MongoSource(Side.ATLAS, atlas_db, "device", BATCH), events, sink, token=token,
        exclusions=Exclusions(), interval_ms=10, max_attempts=10, intervals=USUAL,
    )  # fmt: skip
    reader.start()
    try:
        eventually(lambda: len(sink.taken) == DOCUMENTS + BATCH, "all is there")
    finally:
        reader.stop()
        reader.join(5)
    assert sink.failed
    origins = {change.key.collection: set[str]() for change in sink.taken}
    for change in sink.taken:
        assert change.fact is not None
        origins[change.key.collection].add(change.fact.origin)
    assert origins == {"orders": {"another device"}, "menu": {"atlas"}}


class Unwilling(Forgetful):
    """A sink that can take nothing but what is empty."""

    def receive(self, side: Side, batch: ChangeBatch) -> None:
        if batch.changes:
            raise AutoReconnect("it cannot be taken")


def test_a_stream_that_opens_and_fails_again_and_again_counts_as_failing(atlas_db: Database[Any]) -> None:
    atlas_db.create_collection("orders")
    opened = ChangeStream.open(atlas_db, pipeline(Side.ATLAS, Exclusions()), 1, None)
    opened.close()
    atlas_db["orders"].insert_one({"_id": 1})
    events = EventReader(Side.ATLAS, "device", lambda time: time, lambda ids: set())
    reader = StreamReader(
        MongoSource(Side.ATLAS, atlas_db, "device", BATCH), events, Unwilling(0), token=opened.start_token,
        exclusions=Exclusions(), interval_ms=10, max_attempts=10, intervals=USUAL,
    )  # fmt: skip
    reader.start()
    try:
        eventually(lambda: reader.status.failures >= 4, "failures add up")
        assert reader.status.state == "disconnected"
    finally:
        reader.stop()
        reader.join(5)
