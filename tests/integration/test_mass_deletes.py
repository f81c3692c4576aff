"""The circuit breaker: mass deletes and structural changes halt a collection in their direction until an
operator answers; everything else goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from bson import json_util

from syncapp.core.values import Side
from syncapp.store.halts import Answer, Kind, answer_halt, load_halts
from tests.support.device import Device, databases
from tests.support.eventually import eventually

DOCUMENTS = 600
SIDES = pytest.mark.parametrize("side", list(Side))


@pytest.fixture(autouse=True)
def answered(device: Device) -> Iterator[None]:
    yield
    for halt in load_halts(device.local):
        answer_halt(device.local, halt.id, Answer.GO_ON, "the next test")
    eventually(lambda: not load_halts(device.local), "all is answered", timeout=30)


def fill(device: Device, name: str) -> None:
    device.local[name].insert_many([{"_id": n, "v": 1} for n in range(DOCUMENTS)])
    device.wait_until_settled()


def ids(collection: Any) -> set[int]:
    return {one["_id"] for one in collection.find({}, {"_id": 1})}


def wait_for_halt(device: Device, kind: Kind, side: Side, name: str) -> str:
    eventually(lambda: load_halts(device.local), "it is halted", timeout=30)
    (halt,) = load_halts(device.local)
    assert (halt.kind, halt.side, halt.collection) == (kind, side, name)
    here, there = (ids(databases(device)[one][name]) for one in (side, side.other))
    samples = {json_util.loads(one) for one in halt.samples}
    assert 1 <= len(samples) <= 5
    assert samples <= there - here, "what is gone here, and the other side still holds"
    return halt.id


def answer(device: Device, halt: str, what: Answer) -> None:
    assert answer_halt(device.local, halt, what, "an operator")
    eventually(lambda: not load_halts(device.local), "the answer is carried out", timeout=30)
    device.wait_until_settled(60)


@SIDES
@pytest.mark.parametrize("what", [Answer.GO_ON, Answer.BRING_BACK])
def test_deletes_of_most_of_a_collection_wait_for_an_operator(
    device: Device, side: Side, what: Answer
) -> None:
    name = f"purged_{side}_{what.value.replace('-', '_')}"
    fill(device, name)
    here, there = databases(device)[side][name], databases(device)[side.other][name]
    here.delete_many({"_id": {"$gte": 50}})
    halt = wait_for_halt(device, Kind.MASS_DELETE, side, name)
    device.wait_until_idle()
    held = ids(there)
    # The breaker counts as it reads: what was read before it tripped has gone
    assert len(held) > DOCUMENTS / 2

    databases(device)[side][f"other_{name}"].insert_one({"_id": 1})
    there.update_one({"_id": 10}, {"$set": {"v": 2}})
    eventually(lambda: databases(device)[side.other][f"other_{name}"].find_one(), "other collections go on")
    eventually(lambda: here.find_one({"_id": 10, "v": 2}), "the other direction goes on")
    here.insert_one({"_id": 5_000})
    device.wait_until_idle()
    assert ids(there) == held, "nothing of it travels from there"

    answer(device, halt, what)
    assert ids(here) == ids(there) == (set(range(50)) if what is Answer.GO_ON else held) | {5_000}


@SIDES
@pytest.mark.parametrize("what", [Answer.GO_ON, Answer.BRING_BACK])
def test_a_drop_waits_for_an_operator(device: Device, side: Side, what: Answer) -> None:
    name = f"dropped_{side}_{what.value.replace('-', '_')}"
    fill(device, name)
    here, there = databases(device)[side][name], databases(device)[side.other][name]
    here.drop()
    halt = wait_for_halt(device, Kind.STRUCTURAL, side, name)
    device.wait_until_idle()
    assert len(ids(there)) == DOCUMENTS
    answer(device, halt, what)
    assert ids(here) == ids(there) == (set() if what is Answer.GO_ON else set(range(DOCUMENTS)))


@SIDES
def test_a_renamed_collection_waits_for_an_operator_under_its_old_name(device: Device, side: Side) -> None:
    name = f"renamed_{side}"
    fill(device, name)
    databases(device)[side][name].rename(f"{name}_anew")
    halt = wait_for_halt(device, Kind.STRUCTURAL, side, name)
    answer(device, halt, Answer.GO_ON)
    for database in databases(device).values():
        assert ids(database[name]) == set()
        assert len(ids(database[f"{name}_anew"])) == DOCUMENTS


@SIDES
def test_out_over_a_collection_waits_for_an_operator(device: Device, side: Side) -> None:
    name = f"report_{side}"
    fill(device, name)
    database = databases(device)[side]
    database[f"{name}_source"].insert_many([{"_id": n, "v": 2} for n in range(550, 700)])
    device.wait_until_settled()
    database[f"{name}_source"].aggregate([{"$out": name}])
    halt = wait_for_halt(device, Kind.STRUCTURAL, side, name)
    device.wait_until_idle()
    assert len(ids(databases(device)[side.other][name])) == DOCUMENTS
    answer(device, halt, Answer.GO_ON)
    for one in databases(device).values():
        assert ids(one[name]) == set(range(550, 700))


def test_a_drop_of_what_the_other_side_does_not_hold_halts_nothing(device: Device) -> None:
    device.local["scratch"].insert_one({"_id": 1})
    device.wait_until_settled()
    device.local["scratch"].delete_one({"_id": 1})
    device.wait_until_settled()
    device.local["scratch"].drop()
    device.local["after"].insert_one({"_id": 1})
    device.wait_until_settled()
    assert load_halts(device.local) == ()


def test_what_is_brought_back_stays_halted_until_every_key_was_compared(device: Device) -> None:
    """Deletes that are read after the answer must not be carried."""
    fill(device, "slow")
    device.local["slow"].delete_many({"_id": {"$gte": 50}})
    halt = wait_for_halt(device, Kind.MASS_DELETE, Side.LOCAL, "slow")
    device.wait_until_idle()
    held = ids(device.atlas["slow"])
    for pid in device.children():
        os.kill(pid, signal.SIGSTOP)  # nobody can compare now
    try:
        assert answer_halt(device.local, halt, Answer.BRING_BACK, "an operator")
        run = {"kind": "resync", "state": "running", "collections": ["slow"]}
        eventually(lambda: device.local["_sync_runs"].find_one(run), "the comparison is under way")
        assert [one.answer for one in load_halts(device.local)] == [Answer.BRING_BACK]
    finally:
        for pid in device.children():
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: not load_halts(device.local), "the answer is carried out", timeout=40)
    device.wait_until_settled(60)
    assert ids(device.local["slow"]) == ids(device.atlas["slow"]) == held


@SIDES
def test_documents_that_come_and_go_halt_nothing(device: Device, side: Side) -> None:
    """Carts: never more than forty, and far more deletes than the limit."""
    carts = databases(device)[side][f"carts_{side}"]
    for turn in range(8):
        carts.insert_many([{"_id": f"{turn}.{n}"} for n in range(40)])
        carts.delete_many({})
    device.wait_until_settled()
    assert load_halts(device.local) == ()
