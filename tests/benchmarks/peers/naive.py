"""The loop of every tutorial: one write and one saved token an event. What a busy afternoon gives.

python -m tests.benchmarks.peers.naive SOURCE_URI TARGET_URI
"""

from __future__ import annotations

import sys
from typing import Any

from pymongo import MongoClient

TOKENS = "peer_tokens"


def main(source_uri: str, target_uri: str) -> None:
    source = MongoClient[dict[str, Any]](source_uri).get_default_database()
    target = MongoClient[dict[str, Any]](target_uri).get_default_database()
    saved = target[TOKENS].find_one({"_id": "token"})
    with source.watch(full_document="updateLookup", resume_after=saved and saved["token"]) as stream:
        print("reading", flush=True)
        for change in stream:
            collection, key = target[change["ns"]["coll"]], change["documentKey"]
            if change["operationType"] == "delete":
                collection.delete_one(key)
            elif change.get("fullDocument") is not None:
                collection.replace_one(key, change["fullDocument"], upsert=True)
            token = {"token": stream.resume_token}
            target[TOKENS].replace_one({"_id": "token"}, token, upsert=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
