"""What counts as the content of a document is said in one place: another projection changes all that moves and compares."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.compare.differences import compare_keys, compare_range, compare_unequal
from syncapp.compare.ranges import read_range
from syncapp.core.content import content_hash, document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.projection import WHOLE, Projection
from syncapp.core.values import BOTH, Batch, Ending, Fact, Side, WorkItem
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.store.conflicts import read_uncopied
from syncapp.store.prepare import prepare

READ = 1 << 63  # the streams have been read up to here
KEY = document_key("shop", bson.encode({"_id": 1}))


class Own(Projection):
    """Each side keeps its own `mine`."""

    def content(self, document: bytes | None) -> bytes:  # type: ignore[override]
        return content_hash(self._without(document))

    def same(self, one: bytes | None, other: bytes | None) -> bool:
        return self._without(one) == self._without(other)

    def carried(self, source: bytes | None, target: bytes | None) -> bytes | None:
        kept = {"mine": bson.decode(target)["mine"]} if target and "mine" in bson.decode(target) else {}
        bare = self._without(source)
        return bson.encode({**bson.decode(bare), **kept}) if bare else None

    @staticmethod
    def _without(document: bytes | None) -> bytes | None:
        if document is None:
            return None
        return bson.encode({name: value for name, value in bson.decode(document).items() if name != "mine"})


OWN = Own()


class Sides:
    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        prepare(local, atlas, 24)
        self.databases = {Side.LOCAL: local, Side.ATLAS: atlas}
        self.processor = ChangeProcessor(local, atlas, "device", sleep=lambda seconds: None)
        self.time = 0

    def change(self, side: Side, **values: Any) -> None:
        self.databases[side]["shop"].update_one({"_id": 1}, {"$set": values}, upsert=True)

    def process(self, *changed: Side) -> Side | None:
        """Returns which side was written."""
        self.time += 1
        facts = {
            side: Fact(1, self.time + place, "device" if side is Side.LOCAL else "atlas")
            for place, side in enumerate(changed)
        }
        batch = Batch("task", changed[0], "shop", (WorkItem(KEY, facts),), dict.fromkeys(BOTH, READ))
        (outcome,) = self.processor.process(batch, Policy(projection=OWN))
        assert outcome.ending is Ending.DONE
        return outcome.transfer

    def held(self, side: Side) -> dict[str, Any] | None:
        return self.databases[side]["shop"].find_one({"_id": 1})


@pytest.fixture
def sides(local_db: Database[Any], atlas_db: Database[Any]) -> Sides:
    sides = Sides(local_db, atlas_db)
    sides.change(Side.LOCAL, v=1)
    assert sides.process(Side.LOCAL) is Side.ATLAS
    for side in Side:
        sides.change(side, mine=side.value)
    return sides


@pytest.mark.parametrize("side", Side)
def test_what_a_side_keeps_for_itself_is_no_change_and_is_not_overwritten(sides: Sides, side: Side) -> None:
    assert sides.process(*BOTH) is None
    sides.change(side, v=2)
    assert sides.process(side) is side.other
    for one in Side:
        assert sides.held(one) == {"_id": 1, "v": 2, "mine": one.value}
    assert sides.process(side) is None, "it was agreed on"


def test_the_winner_of_a_conflict_leaves_it_too(sides: Sides) -> None:
    for side in Side:
        sides.change(side, v=side.value)
    assert sides.process(*BOTH) is Side.LOCAL
    assert sides.held(Side.LOCAL) == {"_id": 1, "v": "atlas", "mine": "local"}
    assert len(read_uncopied(sides.databases[Side.LOCAL])) == 1


def test_comparing_and_verifying_see_what_sync_sees(sides: Sides) -> None:
    local, atlas = (sides.databases[side] for side in Side)
    found = read_range(local, atlas, "shop", None)
    assert found.equal(OWN)
    assert not found.equal(WHOLE)
    assert compare_unequal(local, "shop", found, Policy(projection=OWN)) == []
    assert len(compare_unequal(local, "shop", found, Policy())) == 1
    for compared in (
        compare_range(local, "shop", found, Policy(projection=OWN)),
        compare_keys(local, atlas, "shop", [KEY], Policy(projection=OWN)),
    ):
        assert [one.agreed for one in compared] == [True]
    sides.change(Side.ATLAS, v=3)
    found = read_range(local, atlas, "shop", None)
    assert not found.equal(OWN)
    assert [one.agreed for one in compare_unequal(local, "shop", found, Policy(projection=OWN))] == [False]
