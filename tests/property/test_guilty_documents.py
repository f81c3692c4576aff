"""One document that its target, the driver or sync itself cannot handle stops nobody else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.backup import restore
from syncapp.core.content import document_key, elements_of, id_of, split_documents, wrap
from syncapp.core.decide import Decision, Observation, decide
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, Batch, Ending, Fact, Outcome, Side, WorkItem
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.engine.probe import find_refused
from syncapp.mongo.documents import DocumentWrite
from syncapp.store.prepare import prepare

READ = 1 << 63  # the streams have been read up to here
YEAR_46334 = 1_400_000_000_000_000
NOT_UTF8 = b"\x02text\0" + (5).to_bytes(4, "little") + b"\xff\xfe\x80a\0"
DATE = b"\x09at\0" + YEAR_46334.to_bytes(8, "little")
FINE = dt.datetime(2024, 1, 1)
GOOD = 50


def document(number: int, more: bytes) -> bytes:
    return wrap(elements_of({"_id": number}) + more)


def insert(database: Database[Any], documents: list[bytes]) -> None:
    database["shop"].insert_many([RawBSONDocument(one) for one in documents])


def stored(database: Database[Any]) -> list[bytes]:
    portions = database["shop"].find_raw_batches({}).sort("_id", 1)
    return [one for raw in portions for one in split_documents(raw)]


class Sides:
    def __init__(self, local: Database[Any], atlas: Database[Any], source: Side) -> None:
        prepare(local, atlas, 24)
        self.databases = {Side.LOCAL: local, Side.ATLAS: atlas}
        self.source, self.target = self.databases[source], self.databases[source.other]
        self.side = source
        self.processor = ChangeProcessor(local, atlas, "device", sleep=lambda seconds: None)

    def process(self) -> dict[int, Outcome]:
        fact = Fact(1, 1, "device" if self.side is Side.LOCAL else "atlas")
        keys = [document_key("shop", id_of(one)) for one in stored(self.source)]
        items = tuple(WorkItem(key, {self.side: fact}) for key in keys)
        batch = Batch("task", self.side, "shop", items, dict.fromkeys(BOTH, READ))
        outcomes = {one.key: one for one in self.processor.process(batch, Policy())}
        return {place: outcomes[key] for place, key in enumerate(keys)}


@pytest.fixture(params=BOTH)
def sides(request: pytest.FixtureRequest, local_db: Database[Any], atlas_db: Database[Any]) -> Sides:
    return Sides(local_db, atlas_db, request.param)


def by_validator(sides: Sides) -> None:
    at = {"$or": [{"at": {"$lt": dt.datetime(2100, 1, 1)}}, {"at": {"$exists": False}}]}
    schema = {"properties": {"text": {"enum": ["x"]}}}
    sides.target.create_collection("shop", validator={"$and": [at, {"$jsonSchema": schema}]})


def by_unique_index(sides: Sides) -> None:
    sides.target["shop"].create_index(
        [("at", 1), ("text", 1)], unique=True, partialFilterExpression={"_id": {"$gte": 1000}}
    )


VALUES = {"year 46334": DATE, "not UTF-8": NOT_UTF8}


@pytest.mark.parametrize("value", VALUES)
def test_a_validator_whose_reply_cannot_be_decoded_refuses_one(sides: Sides, value: str) -> None:
    by_validator(sides)
    bad = document(7, VALUES[value])
    insert(
        sides.source, [bad, *(document(100 + n, elements_of({"at": FINE, "text": "x"})) for n in range(GOOD))]
    )
    outcomes = sides.process()
    assert (outcomes[0].ending, outcomes[0].code, outcomes[0].document) == (Ending.REJECTED, 121, bad)
    assert {one.ending for one in list(outcomes.values())[1:]} == {Ending.DONE}
    assert stored(sides.target) == stored(sides.source)[1:]


@pytest.mark.parametrize("value", VALUES)
def test_a_unique_value_that_cannot_be_decoded_names_its_holder(sides: Sides, value: str) -> None:
    name = "at" if value == "year 46334" else "text"
    sides.target["shop"].create_index(name, unique=True, partialFilterExpression={"n": {"$gt": 0}})
    good = [document(100 + n, elements_of({name: n, "n": n + 1})) for n in range(GOOD)]
    holder, wanting = (document(number, VALUES[value] + elements_of({"n": 1})) for number in (1, 2))
    insert(sides.source, [holder, *good])
    sides.process()
    insert(sides.source, [wanting])
    outcomes = sides.process()
    assert (outcomes[1].ending, outcomes[1].code) == (Ending.REJECTED, 11000)
    assert (outcomes[1].other_id, outcomes[1].other_document) == (id_of(holder), holder)
    assert len(stored(sides.target)) == GOOD + 1


class OddError(Exception):
    pass


@pytest.mark.parametrize("places", [(0,), (30,), (50,), (3, 4, 47)])
def test_what_fails_for_an_unknown_reason_is_cut_until_the_guilty_is_alone(
    sides: Sides, places: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(sides.source, [document(n, elements_of({"bad": n in places})) for n in range(GOOD + 1)])

    def odd(seen: Observation, item: WorkItem, *others: Any) -> Decision:
        if bson.decode(item.key.id_bson)["_id"] in places:
            raise OddError("nobody thought of it")
        return decide(seen, item, *others)

    monkeypatch.setattr("syncapp.engine.deciding.decide", odd)
    outcomes = sides.process()
    assert [n for n, one in outcomes.items() if one.ending is Ending.RETRY] == list(places)
    assert all(outcomes[n].reason == "OddError: nobody thought of it" for n in places)
    assert len(stored(sides.target)) == GOOD + 1 - len(places)


@pytest.mark.parametrize("value", VALUES)
def test_an_index_that_cannot_be_restored_over_such_a_value_is_told(
    local_db: Database[Any], value: str
) -> None:
    insert(local_db, [document(number, VALUES[value]) for number in range(2)])
    done = restore.Restored("shop")
    name = "at" if value == "year 46334" else "text"
    restore._create_index(local_db, "shop", {"key": {name: 1}, "name": "one", "unique": True}, done)
    (problem,) = done.problems
    assert problem.startswith("index one could not be created")


def test_whoever_waits_is_told_while_many_documents_are_tried_one_by_one(atlas_db: Database[Any]) -> None:
    """Else a task with thousands that are refused counts as lost, and is done again."""
    atlas_db.create_collection("orders", validator={"total": {"$exists": True}})
    versions = [bson.encode({"_id": number}) for number in range(40)]
    writes = [DocumentWrite(document_key("orders", one), None, one) for one in versions]
    told: list[int] = []
    refused = find_refused(atlas_db["orders"], writes, lambda: told.append(1))
    assert [one.key for one in refused] == [one.key for one in writes]
    assert len(told) == len(writes)
    assert atlas_db["orders"].count_documents({}) == 0
