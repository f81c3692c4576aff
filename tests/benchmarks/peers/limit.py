"""The honest ceiling: as fast as one Python process can carry changes one way, with nothing remembered and
nothing safe. It overwrites what the target holds, knows no conflicts, no loops and no refused documents.

Two threads. One reads a stream projected to keys; the other brings each fetched batch over: one read of the
source, plain inserts (replaces where the target has the document already), replaces, deletes, and one saved token.

Events a fetch: as many as the product's default setting fetches (`limit`), or 1,000 (`ceiling`).

python -m tests.benchmarks.peers.limit SOURCE_URI TARGET_URI EVENTS
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from tests.benchmarks.peers.naive import TOKENS

AHEAD = 4  # fetched batches that wait
DUPLICATE_KEY = 11_000
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
PROJECTION = {"operationType": 1, "ns.coll": 1, "documentKey": 1}
Document = dict[str, Any]
Fetched = tuple[list[Document], Document]  # events, and the token after them


def fetches(source: Database[Document], token: Document | None, batch: int) -> Iterator[Fetched]:
    """Batches of events. Each comes as soon as it is there, full or not."""
    start = {"resumeAfter": token} if token else {}
    pipeline = [{"$changeStream": start}, {"$project": PROJECTION}]
    with source.client.start_session() as session:
        reply = source.command(
            "aggregate", 1, pipeline=pipeline, cursor={"batchSize": batch}, session=session
        )
        cursor = reply["cursor"]
        print("reading", flush=True)
        yield cursor["firstBatch"], cursor["postBatchResumeToken"]
        more = {"getMore": cursor["id"], "collection": "$cmd.aggregate", "batchSize": batch}
        while True:
            reply = source.command(more, session=session)
            yield reply["cursor"]["nextBatch"], reply["cursor"]["postBatchResumeToken"]


def by_collection(events: list[Document]) -> dict[str, dict[Any, str]]:
    """The last operation on each key; one that was inserted in this batch stays an insert."""
    found: dict[str, dict[Any, str]] = {}
    for event in events:
        keys = found.setdefault(event["ns"]["coll"], {})
        key, operation = event["documentKey"]["_id"], event["operationType"]
        if operation == "delete" or keys.get(key) != "insert":
            keys[key] = operation
    return found


def carry(source: Collection[Any], target: Collection[Any], keys: dict[Any, str]) -> None:
    writes: list[Any] = [DeleteOne({"_id": key}) for key, operation in keys.items() if operation == "delete"]
    wanted = [key for key, operation in keys.items() if operation != "delete"]
    documents = source.with_options(codec_options=RAW).find(
        {"_id": {"$in": wanted}}, batch_size=len(wanted) + 1
    )
    for document in documents if wanted else ():
        key = document["_id"]
        writes.append(
            InsertOne(document) if keys[key] == "insert" else ReplaceOne({"_id": key}, document, upsert=True)
        )
    if not writes:
        return
    try:
        target.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        again = []
        for wrong in error.details["writeErrors"]:
            if wrong["code"] != DUPLICATE_KEY:
                raise
            document = wrong["op"]
            again.append(ReplaceOne({"_id": document["_id"]}, document))
        target.bulk_write(again, ordered=False)


def main(source_uri: str, target_uri: str, events_a_fetch: str) -> None:
    source = MongoClient[Document](source_uri).get_default_database()
    target = MongoClient[Document](target_uri).get_default_database()
    saved = target[TOKENS].find_one({"_id": "token"})
    batches: queue.Queue[Fetched] = queue.Queue(AHEAD)

    def read() -> None:
        for fetched in fetches(source, saved and saved["token"], int(events_a_fetch)):
            batches.put(fetched)

    threading.Thread(target=read, daemon=True).start()
    while True:
        events, token = batches.get()
        for name, keys in by_collection(events).items():
            carry(source[name], target[name], keys)
        if events:
            target[TOKENS].replace_one({"_id": "token"}, {"token": token}, upsert=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
