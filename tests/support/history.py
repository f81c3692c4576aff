"""What really happened to every document of a collection, read from both change streams afterwards, and
the two promises that it must keep: nothing was lost silently, and nothing went round in a loop."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import bson

from tests.support.device import Device, databases

END = "_sync_test_end"  # never synced


@dataclass(frozen=True)
class Write:
    stamp: str | None  # the version's field `v`; None: a delete
    native: bool  # an application's, not one of sync


class History:
    """Begins where it is made."""

    def __init__(self, device: Device, collection: str = "burst") -> None:
        self._device = device
        self._collection = collection
        self._tokens: dict[str, Any] = {}
        for side, database in databases(device).items():
            with database.watch() as stream:
                self._tokens[side] = stream.resume_token

    def read(self) -> dict[str, dict[Any, list[Write]]]:
        """Side → `_id` → its writes in their order."""
        return {side: self._read_side(side) for side in self._tokens}

    def _read_side(self, side: str) -> dict[Any, list[Write]]:
        database = databases(self._device)[side]
        end = database[END].insert_one({}).inserted_id
        found: dict[Any, list[Write]] = defaultdict(list)
        with database.watch(
            resume_after=self._tokens[side], batch_size=1000, max_await_time_ms=500
        ) as stream:
            for event in stream:
                key = event.get("documentKey", {}).get("_id")
                if event["ns"]["coll"] == END and key == end:
                    break
                if event["ns"]["coll"] == self._collection and "documentKey" in event:
                    found[event["documentKey"]["_id"]].append(Write(_stamp(event), "txnNumber" not in event))
        return found

    def check(self) -> dict[str, int]:
        """Both promises. Returns figures to show."""
        happened = self.read()
        losers = _losers(self._device, self._collection)
        states = self._device.local["_sync_state"].distinct("c")
        assert not [name for name in states if name.startswith("_sync_")], (
            "sync takes its own documents for a user's"
        )
        checked = 0
        for side, other in (("local", "atlas"), ("atlas", "local")):
            for key, writes in happened[side].items():
                there = happened[other].get(key, [])
                transfers = sum(not write.native for write in writes)
                native_there = sum(write.native for write in there)
                assert transfers <= native_there, (
                    f"{key!r}: {transfers} transfers to {side}, {native_there} writes on {other}"
                )
                seen_there = {write.stamp for write in there if not write.native}
                for number, (before, after) in enumerate(itertools.pairwise(writes)):
                    if before.native and not after.native:
                        if before.stamp is None and _was_absent_before(writes[:number], there):
                            continue
                        checked += 1
                        assert before.stamp in seen_there or (key, before.stamp) in losers, (
                            f"{key!r}: version {before.stamp!r} of {side} was overwritten by {after.stamp!r}, "
                            "never seen on the other side, and is not the loser of a conflict"
                        )
        transfers = {
            side: sum(not write.native for writes in happened[side].values() for write in writes)
            for side in happened
        }
        return {"overwritten": checked, "to local": transfers["local"], "to atlas": transfers["atlas"]}


def _was_absent_before(earlier: list[Write], there: list[Write]) -> bool:
    """Could both sides have agreed on the document's absence before it was deleted (again)?

    An application that inserts a document and deletes it before sync looks has changed nothing.
    """
    synced = [write for write in earlier if not write.native]
    return (
        not synced or synced[-1].stamp is None or any(write.native and write.stamp is None for write in there)
    )


def _stamp(event: dict[str, Any]) -> str | None:
    if event["operationType"] == "delete":
        return None
    if event["operationType"] == "update":
        return str(event["updateDescription"]["updatedFields"]["v"])
    return str(event["fullDocument"]["v"])


def _losers(device: Device, collection: str) -> set[tuple[Any, str | None]]:
    """(`_id`, stamp) of every version that lost a recorded conflict."""
    device.copy_left_conflicts()
    found = set()
    for conflict in device.conflicts(collection):
        raws = {side: conflict[f"{side}_raw"] for side in ("local", "atlas")}
        loser = raws["atlas" if conflict["winner"] == "local" else "local"]
        winner = raws[conflict["winner"]]
        key = bson.decode(loser or winner)["_id"]
        found.add((key, bson.decode(loser)["v"] if loser else None))
    return found
