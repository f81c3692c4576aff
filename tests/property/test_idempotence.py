"""Property 8: applying a change twice equals applying it once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.apply.messages import decode_batch, encode_batch
from syncapp.core.rule.policy import BOTH_WAYS, Policy, Travel
from syncapp.core.values import Batch, Side
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.store import conflicts as conflict_records
from tests.property import documents
from tests.property.applications import contents, write
from tests.property.documents import FIELDS, Element
from tests.property.examples import share_of_examples
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]
EXCLUDED = Policy(travel=BOTH_WAYS | {Side.ATLAS: Travel.NEVER})
POLICIES = [Policy(), Policy("local-wins"), Policy("atlas-wins"), EXCLUDED]
Picture = tuple[list[bytes], list[bytes], list[Any]]


def picture(world: World) -> Picture:
    """Both sides, and which conflicts were recorded."""
    (device,) = world.devices
    conflicts = [
        (record.id_bson, record.winner, record.versions)
        for record in conflict_records.read_uncopied(device.local, limit=10_000)
        if record.collection == world.collection
    ]
    return contents(device.local, world.collection), contents(world.atlas, world.collection), conflicts


@pytest.mark.timeout(3600)
@share_of_examples(0.8)
@given(data=st.data(), ids=documents.ids(), policy=st.sampled_from(POLICIES))
def test_a_batch_that_is_delivered_again_at_any_time_changes_nothing(
    databases: Databases, exact_times: None, data: st.DataObject, ids: list[Element], policy: Policy
) -> None:
    """Property 8: applying a change twice equals applying it once. The broker delivers tasks again, in any
    order, also ones whose worker died in the middle; the batches are the messages that it holds."""
    world = World.build(*databases, 1, policy)
    (device,) = world.devices
    delivered: list[Batch] = []
    try:
        for _ in range(data.draw(st.integers(1, 3), label="rounds")):
            for _ in range(data.draw(st.integers(1, 4), label="writes")):
                raw = documents.with_id(data.draw(st.sampled_from(ids)), data.draw(FIELDS))
                delete = data.draw(st.integers(0, 3), label="0 deletes") == 0
                write(world.database(data.draw(st.integers(0, 1))), world.collection, raw, delete=delete)
            if data.draw(st.booleans(), label="a worker dies"):
                delivered += _die(world, data)
            world.settle()
        delivered += [batch for batch, _ in device.ended]
        before = picture(world)
        pulls, pushes = device.pulls, device.pushes
        for batch in data.draw(st.permutations(delivered), label="delivered again")[:6]:
            again = ChangeProcessor(device.local, world.atlas, device.instance_id)
            outcomes = again.process(decode_batch(encode_batch(batch)), policy)
            assert [one.transfer for one in outcomes] == [None] * len(batch.items)
            assert picture(world) == before
        world.settle()
        assert (device.pulls, device.pushes) == (pulls, pushes), "it was taken for a change"
        assert picture(world) == before
    finally:
        world.close()


def _die(world: World, data: st.DataObject) -> list[Batch]:
    """A worker dies at any of its points."""
    (device,) = world.devices
    for side in Side:
        while device.read(side):
            pass
    if not device.hand_out(world.policy, 10):
        return []
    task = device.tasks[-1][1]
    for _ in range(data.draw(st.integers(0, 8), label="steps before it dies")):
        if task.step() is None:
            break
    task.crash(holding=data.draw(st.booleans(), label="in a transaction"))
    device.tasks.pop()
    return [task.batch]
