"""Drops and renames while documents are on their way, and what the server renames for itself: in the end both sides
are equal, or an operator is asked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import Code
from pymongo.collection import Collection

from syncapp.core.values import Side
from syncapp.store.halts import Answer, Kind, answer_halt, load_halts
from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.raw import contents

SIDES = pytest.mark.parametrize("side", list(Side))
COLLECTIONS, DOCUMENTS = 12, 200


@pytest.fixture(autouse=True)
def answered(device: Device) -> Iterator[None]:
    yield
    for halt in load_halts(device.local):
        answer_halt(device.local, halt.id, Answer.GO_ON, "the next test")
    eventually(lambda: not load_halts(device.local), "all is answered", timeout=30)
    device.wait_until_settled()


def drop(collection: Collection[Any]) -> None:
    collection.drop()


def rename(collection: Collection[Any]) -> None:
    collection.rename(f"{collection.name}_anew")


@SIDES
@pytest.mark.parametrize("change", [drop, rename])
def test_what_is_dropped_or_renamed_on_its_way_stays_nowhere_unseen(
    device: Device, side: Side, change: Callable[[Collection[Any]], None], rng: random.Random
) -> None:
    names = [f"{change.__name__}_{side}_{number}" for number in range(COLLECTIONS)]
    for name in names:
        collection = databases(device)[side][name]
        collection.insert_many([{"_id": n} for n in range(DOCUMENTS)])
        time.sleep(rng.uniform(0, 0.25))  # the moments to be hit are those of the worker
        change(collection)
    device.wait_until_idle(60)
    here, there = contents(device.local), contents(device.atlas)
    halted = {halt.collection for halt in load_halts(device.local) if halt.kind is Kind.STRUCTURAL}
    silent = [name for name in here.keys() | there.keys() if here.get(name) != there.get(name)]
    assert not set(silent) - halted, f"{len(halted)} are halted"
    if change is rename:
        for name in names:
            assert len(there.get(f"{name}_anew", ())) == len(here[f"{name}_anew"]) == DOCUMENTS


@SIDES
def test_the_result_of_out_is_carried_and_what_it_was_made_in_is_not(device: Device, side: Side) -> None:
    here, there = databases(device)[side], databases(device)[side.other]
    here[f"source_{side}"].insert_many([{"_id": n, "v": 1} for n in range(10_000)])
    here[f"source_{side}"].aggregate([{"$out": f"report_{side}"}])
    eventually(lambda: there[f"report_{side}"].count_documents({}) == 10_000, "it is there", timeout=60)
    here[f"source_{side}"].aggregate(
        [{"$match": {"_id": {"$gte": 60}}}, {"$set": {"v": 2}}, {"$out": f"report_{side}"}]
    )
    device.wait_until_settled(60)
    assert there[f"report_{side}"].count_documents({"v": 2}) == 10_000 - 60
    assert load_halts(device.local) == ()
    assert not [name for name in there.list_collection_names() if name.startswith("tmp")]


@SIDES
def test_what_the_server_makes_for_itself_is_not_carried_and_its_result_is(
    device: Device, side: Side
) -> None:
    here, there = databases(device)[side], databases(device)[side.other]
    client, elsewhere = here.client, f"{here.name}_elsewhere"
    here[f"counted_{side}"].insert_many([{"_id": n, "shop": n % 3} for n in range(30)])
    here.command(
        "mapReduce", f"counted_{side}", map=Code("function() { emit(this.shop, 1) }"),
        reduce=Code("function(key, values) { return values.length }"), out={"replace": f"per_shop_{side}"},
    )  # fmt: skip
    client[elsewhere]["menu"].insert_many([{"_id": n} for n in range(40)])
    client.admin.command("renameCollection", f"{elsewhere}.menu", to=f"{here.name}.moved_here_{side}")
    here[f"ring_{side}"].insert_many([{"_id": n} for n in range(50)])
    device.wait_until_settled()
    here.command("convertToCapped", f"ring_{side}", size=100_000)
    here[f"after_{side}"].insert_one({"_id": 1})
    device.wait_until_settled(without=[f"ring_{side}"])
    client.drop_database(elsewhere)
    assert there[f"per_shop_{side}"].count_documents({}) == 3
    assert there[f"moved_here_{side}"].count_documents({}) == 40
    assert load_halts(device.local) == ()
    assert not [name for name in there.list_collection_names() if name.startswith("tmp")]


@SIDES
def test_what_was_rejected_is_over_when_its_collection_was_dropped(device: Device, side: Side) -> None:
    here, there, name = databases(device)[side], databases(device)[side.other], f"strict_{side}"
    there.create_collection(name, validator={"total": {"$type": "int"}})
    here[name].insert_many([{"_id": 1, "total": "many"}, {"_id": 2, "total": "more"}])

    def rejected() -> int:
        return sum(row[0] == name for row in device.rejected())

    eventually(lambda: rejected() == 2, "they are rejected")
    here[name].drop()  # first: without the other one's validator they could travel until both are gone
    there[name].drop()
    eventually(lambda: rejected() == 0, "nothing of it stands as rejected", 20)
    assert not [halt for halt in load_halts(device.local) if halt.collection == name]
