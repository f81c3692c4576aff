"""Property 2: a change never comes back to where it was made, and is carried at most once to each side."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.content import id_of
from syncapp.core.rule.policy import Policy
from syncapp.core.values import Side
from tests.property import documents
from tests.property.applications import contents, write
from tests.property.documents import FIELDS, Element
from tests.property.examples import share_of_examples
from tests.property.world import Device, World

Databases = tuple[Database[Any], Database[Any]]


def came_in(device: Device) -> dict[Side, int]:
    """Changes that its streams brought and that it took for somebody else's."""
    found = Counter(side for side, _ in device.changes)
    return {side: found[side] for side in Side}


@pytest.mark.timeout(3600)
@share_of_examples(0.7)
@given(data=st.data(), ids=documents.ids(2))
def test_a_change_is_carried_once_to_each_side_and_never_back(
    databases: Databases, data: st.DataObject, ids: list[Element]
) -> None:
    """Property 2: loop prevention. So many native writes cause at most so many transfers, however long one
    waits, and the event of a device's own transfer is no change to it."""
    devices = data.draw(st.integers(1, 2), label="devices")
    world = World.build(*databases, devices, Policy())
    places = [world.database(place) for place in range(devices + 1)]
    events = Counter[int]()  # native change events by place
    try:
        for _ in range(data.draw(st.integers(1, 6), label="writes")):
            place = data.draw(st.integers(0, devices), label="place")
            raw = documents.with_id(data.draw(st.sampled_from(ids)), data.draw(FIELDS))
            before = contents(places[place], world.collection)
            written = write(places[place], world.collection, raw, delete=data.draw(st.booleans()))
            after = contents(places[place], world.collection)
            # An `_id` in another type cannot be changed in place: that is a delete and an insert
            same_id = len(before) != len(after) or not written or _same_ids(before, after)
            events[place] += written * (1 if same_id else 2)
            if data.draw(st.booleans(), label="sync looks now"):
                world.settle()
        world.settle()
        natives = events.total()
        for number, device in enumerate(world.devices):
            others = [other for other in world.devices if other is not device]
            assert device.pulls <= natives - events[number], "more pulls than changes elsewhere: a loop"
            assert device.pushes <= events[number], "more pushes than changes here: a loop"
            came = came_in(device)
            assert came[Side.LOCAL] == events[number], "its own pull came back as a local change"
            sent_by_others = sum(other.pushes for other in others)
            assert came[Side.ATLAS] >= events[devices], "a change on Atlas was taken for an echo"
            assert came[Side.ATLAS] <= events[devices] + 2 * sent_by_others, "its own push came back"
        moved = [(device.pulls, device.pushes) for device in world.devices]
        for _ in range(2):
            world.settle()
        assert [(device.pulls, device.pushes) for device in world.devices] == moved
        assert len({tuple(contents(place, world.collection)) for place in places}) == 1
    finally:
        world.close()


def _same_ids(before: list[bytes], after: list[bytes]) -> bool:
    return {id_of(one) for one in before} == {id_of(one) for one in after}
