"""What a verify found is looked at again before it counts: a document in flight is no difference."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.compare import second_look
from syncapp.compare.differences import compare_keys
from syncapp.compare.second_look import LOOKS, MOVES, Looked, look_again, suspect
from syncapp.core.content import document_key
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import LAST_WRITE_WINS, Policy
from syncapp.rules.rules import Rules

KEY = document_key("shop", bson.encode({"_id": 1}))
RULES = Rules(True, False, LAST_WRITE_WINS, Exclusions(), 1)


class Suspects:
    """One document that differs, and what the looks make of it."""

    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        self.local, self.atlas, self.version = local, atlas, 0
        self.write("atlas")
        (one,) = compare_keys(local, atlas, "shop", [KEY], Policy())
        self.left = [suspect(one)]

    def write(self, *sides: str) -> None:
        for side in sides:
            self.version += 1
            shop = (self.local if side == "local" else self.atlas)["shop"]
            shop.replace_one({"_id": 1}, {"v": self.version}, upsert=True)

    def look(self, busy: bool = False) -> Looked:
        looked = look_again(self.local, self.atlas, self.left, RULES.policy, busy)
        self.left = looked.left
        return looked


@pytest.fixture
def suspects(local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch) -> Suspects:
    monkeypatch.setattr(second_look, "LOOK_MS", 0)
    return Suspects(local_db, atlas_db)


def test_what_stays_as_it_is_counts_when_nothing_is_pending(suspects: Suspects) -> None:
    assert [one.key for one in suspects.look().confirmed] == [KEY]
    assert suspects.left == []


def test_what_stays_as_it_is_counts_late_while_changes_are_pending(suspects: Suspects) -> None:
    for _ in range(LOOKS - 1):
        assert not suspects.look(busy=True).confirmed
    assert suspects.look(busy=True).confirmed


def test_what_has_changed_on_one_side_is_looked_at_again(suspects: Suspects) -> None:
    suspects.write("atlas")
    assert not suspects.look().confirmed
    assert suspects.look().confirmed, "it has not changed since"


def test_what_has_arrived_is_equal(suspects: Suspects) -> None:
    document = suspects.atlas["shop"].find_one({"_id": 1})
    assert document is not None
    suspects.local["shop"].insert_one(document)
    looked = suspects.look()
    assert (looked.equal["shop"], looked.confirmed, looked.left) == (1, [], [])


def test_what_changes_on_both_sides_all_the_time_is_no_difference(suspects: Suspects) -> None:
    for _ in range(MOVES - 1):
        suspects.write("local", "atlas")
        assert not suspects.look().confirmed
    suspects.write("local", "atlas")
    assert suspects.look().equal["shop"] == 1


def test_a_look_waits_for_its_time(suspects: Suspects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_look, "LOOK_MS", 60_000)
    looked = suspects.look()
    assert (looked.confirmed, len(looked.left)) == ([], 1)
