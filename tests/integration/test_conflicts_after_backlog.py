"""Requirement 4: whoever wrote last wins, whichever stream is read first and however far it lags."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

import bson
import pytest

from tests.support.device import Device, databases
from tests.support.raw import documents

BACKLOG = 2_000
WORDS = {
    "atlas later": "la", "local later": "al", "taking turns, atlas later": "lalala",
    "taking turns, local later": "alalal", "many then one": "lllllla", "one then many": "laaaaaa",
    "local much earlier": "llaaal", "both inserted, local later": "AL", "both inserted, atlas later": "LA",
    "updated, then deleted on atlas": "ld", "deleted on atlas, then updated": "dl",
    "updated, then deleted on local": "aD", "deleted on local, then updated": "Da",
}  # fmt: skip


@dataclass
class Story:
    """What the two applications do to one document: l and a update, L and A insert, D (local) and d delete."""

    key: str
    word: str
    collection: str
    versions: dict[str, dict[str, Any] | None] = field(default_factory=dict)  # the last of each side
    times: dict[str, tuple[float, float]] = field(default_factory=dict)  # it was written between these

    @property
    def winner(self) -> str:
        return _side(self.word[-1])

    def tell(self, device: Device) -> None:
        for number, letter in enumerate(self.word):
            side = _side(letter)
            collection = databases(device)[side][self.collection]
            before = time.time()
            if letter in "dD":
                collection.delete_one({"_id": self.key})
                self.versions[side] = None
            else:
                self.versions[side] = {"_id": self.key, "v": f"{side} {number}"}
                collection.replace_one({"_id": self.key}, {"v": f"{side} {number}"}, upsert=letter in "LA")
            self.times[side] = (before, time.time())
            time.sleep(0.004)  # times are in milliseconds


def _side(letter: str) -> str:
    return "local" if letter in "lLD" else "atlas"


@pytest.mark.parametrize("lagging", ["local", "atlas", "both"])
def test_the_later_write_wins_when_the_listener_comes_back_to_a_backlog(device: Device, lagging: str) -> None:
    name = f"stories, {lagging}"
    stories = [Story(key, word, name) for key, word in WORDS.items()]
    device.local[name].insert_many(
        [{"_id": story.key, "v": "first"} for story in stories if "L" not in story.word]
    )
    device.wait_until_settled()
    device.stop("listener")

    for side, database in databases(device).items():
        if lagging in (side, "both"):
            database["backlog"].insert_many([{"from": side, "n": number} for number in range(BACKLOG)])
    for story in stories:
        story.tell(device)
    device.launch("listener")
    device.wait_until_ready()
    device.wait_until_settled()

    stored = {document["_id"]: document for document in device.local[name].find()}
    for story in stories:
        assert stored.get(story.key) == story.versions[story.winner], story
    assert len(documents(device.local, "backlog")) == len(documents(device.atlas, "backlog"))
    rows = device.conflicts(name)
    assert len(rows) == len(stories), "one conflict a document"
    found = {bson.decode(row["local_raw"] or row["atlas_raw"])["_id"]: row for row in rows}
    for story in stories:
        check_record(found[story.key], story, device.instance_id)


def check_record(row: dict[str, Any], story: Story, instance_id: str) -> None:
    assert row["winner"] == story.winner, story
    assert not row["one_way"]
    assert row["strategy"] == "last-write-wins"
    assert (row["local_origin"], row["atlas_origin"]) == (instance_id, "atlas")
    for side in ("local", "atlas"):
        raw = row[f"{side}_raw"]
        assert (bson.decode(raw) if raw else None) == story.versions[side], (side, story)
        at = dt.datetime.fromisoformat(row[f"{side}_time"]).replace(tzinfo=dt.UTC).timestamp()
        before, after = story.times[side]
        assert before - 0.05 <= at <= after + 0.05, f"{side}: {at - before:.3f} s off, {story}"
