"""Property 6: every device knows of each change where it was made and when, however it came."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.content import document_key, id_of
from syncapp.core.rule.policy import Policy
from syncapp.core.values import ATLAS_ORIGIN, DocumentKey, Fact, Side
from syncapp.store.batches import is_atlas_change, is_local_change
from tests.property import documents
from tests.property.applications import write
from tests.property.documents import FIELDS, Element
from tests.property.examples import share_of_examples
from tests.property.world import Device, World

Databases = tuple[Database[Any], Database[Any]]
DEVICES = 3
ATLAS = DEVICES
# Clocks that are ahead of Atlas's: all servers here share one clock, so that a time which is corrected to a
# later one would lie in the future, and be cut
OFFSETS = st.lists(st.integers(-100_000, 0), min_size=DEVICES, max_size=DEVICES)


def facts(device: Device, collection: str) -> dict[DocumentKey, list[tuple[Side, Fact]]]:
    """What the device has read since the last time."""
    found = defaultdict(list)
    for side, change in device.changes:
        if change.fact is not None and change.key.collection == collection:
            found[change.key].append((side, change.fact))
    device.changes.clear()
    return found


@pytest.mark.timeout(3600)
@share_of_examples(0.6)
@given(data=st.data(), ids=documents.ids(4), offsets=OFFSETS)
def test_every_device_knows_who_made_a_change_and_when(
    databases: Databases, data: st.DataObject, ids: list[Element], offsets: list[int]
) -> None:
    """Property 6: origin tracking is accurate. In each round every document has one writer."""
    world = World.build(*databases, DEVICES, Policy())
    for device, offset in zip(world.devices, offsets, strict=True):
        device.clock_offset = offset
    names = [device.instance_id for device in world.devices] + [ATLAS_ORIGIN]
    assert len(set(names)) == DEVICES + 1
    distinct = {
        document_key(world.collection, id_of(documents.with_id(identity, []))): identity for identity in ids
    }
    try:
        for _ in range(data.draw(st.integers(1, 3), label="rounds")):
            writers = {}
            for key, identity in distinct.items():
                place = data.draw(st.integers(0, ATLAS), label="writer")
                raw = documents.with_id(identity, data.draw(FIELDS))
                delete = data.draw(st.integers(0, 3), label="0 deletes") == 0
                if write(world.database(place), world.collection, raw, delete=delete):
                    writers[key] = place
            world.settle()
            known = [facts(device, world.collection) for device in world.devices]
            for key, place in writers.items():
                _check(key, place, names, known)
            assert all(found.keys() <= writers.keys() for found in known), "a change that nobody made"
    finally:
        world.close()


def _check(
    key: DocumentKey, place: int, names: list[str], known: list[dict[DocumentKey, list[tuple[Side, Fact]]]]
) -> None:
    came_from = {number: {side for side, _ in found[key]} for number, found in enumerate(known)}
    for number, sides in came_from.items():
        own = number == place
        assert sides == {Side.LOCAL if own else Side.ATLAS}, f"device {number} heard of it from {sides}"
    made = {fact for found in known for _, fact in found[key]}
    assert {fact.origin for fact in made} == {names[place]}
    assert len({known[number][key][-1][1].time for number in came_from}) == 1, "they differ about its time"
    for number, found in enumerate(known):
        for _, fact in found[key]:
            assert is_atlas_change(fact) == (place == ATLAS)
            assert is_local_change(fact, names[number]) == (number == place)
