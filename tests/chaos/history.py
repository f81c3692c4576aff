"""What really happened to every document on one server, read from its own oplog by a change stream afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo.database import Database
from syncapp.store.names import BATCHES

END = "_sync_test_end"  # never synced
Key = tuple[str, str]  # collection, _id
SHORT = {
    "operationType": 1,
    "ns": 1,
    "documentKey": 1,
    "lsid": 1,
    "txnNumber": 1,
    "fullDocument.v": 1,
    "updateDescription.updatedFields.v": 1,
}


@dataclass(frozen=True)
class Write:
    stamp: str | None  # the version's field `v`; None: a delete
    native: bool  # an application's, not one of sync


def beginning(database: Database[Any]) -> Timestamp:
    """The point of the oplog where the history begins: call it before anything is written."""
    answer = database.client.admin.command("hello")
    return Timestamp(answer["operationTime"].time, answer["operationTime"].inc + 1)


def read(database: Database[Any], since: Timestamp, collections: Collection[str]) -> dict[Key, list[Write]]:
    """Every write since then, in its order. A transaction that begins with a batch marker is sync's."""
    end = database[END].insert_one({}).inserted_id
    found: dict[Key, list[Write]] = defaultdict(list)
    of_sync: set[tuple[bytes, int]] = set()
    pipeline = [{"$match": {"ns.coll": {"$in": [*collections, BATCHES, END]}}}, {"$project": SHORT}]
    with database.watch(pipeline, start_at_operation_time=since, batch_size=1_000) as stream:
        for event in stream:
            name, kind = event["ns"]["coll"], event["operationType"]
            transaction = (bytes(event["lsid"]["id"]), event["txnNumber"]) if "txnNumber" in event else None
            if name == END and event["documentKey"]["_id"] == end:
                break
            if name == BATCHES and transaction:
                of_sync.add(transaction)
            if name in collections and kind in {"insert", "update", "replace", "delete"}:
                found[name, event["documentKey"]["_id"]].append(
                    Write(_stamp(event), transaction not in of_sync)
                )
    return dict(found)


def _stamp(event: dict[str, Any]) -> str | None:
    if event["operationType"] == "delete":
        return None
    if event["operationType"] == "update":
        return str(event["updateDescription"]["updatedFields"]["v"])
    return str(event["fullDocument"]["v"])
