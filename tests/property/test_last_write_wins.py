"""Property 3: of changes that did not know of each other the newest wins everywhere, and the others are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.values import Side
from syncapp.store import conflicts as conflict_records
from tests.property import documents
from tests.property.applications import contents, stored, write
from tests.property.documents import FIELDS, Element
from tests.property.examples import share_of_examples
from tests.property.world import Device, World

Databases = tuple[Database[Any], Database[Any]]
DEVICES = 2
ATLAS = DEVICES
# Never ahead of Atlas, which shares their clock here: a change that is dated in the future is cut
OFFSETS = st.permutations([-40_000, -20_000, 0]).map(lambda found: found[:DEVICES])


@pytest.mark.timeout(3600)
@share_of_examples(0.8)
@given(data=st.data(), identity=documents.IDS, offsets=OFFSETS)
def test_the_newest_of_concurrent_versions_wins_on_every_side_and_the_others_are_kept(
    databases: Databases,
    exact_times: None,
    single_events: None,
    data: st.DataObject,
    identity: Element,
    offsets: list[int],
) -> None:
    """Property 3: last write wins. Devices whose clocks are wrong by a known offset are no exception."""
    world = World.build(*databases, DEVICES, Policy())
    for device, offset in zip(world.devices, offsets, strict=True):
        device.clock_offset = offset
    places = [world.database(place) for place in range(DEVICES + 1)]
    try:
        for turn in range(data.draw(st.integers(1, 3), label="rounds")):
            agreed = stored(places[ATLAS][world.collection], documents.with_id(identity, []))
            writers = data.draw(st.lists(st.integers(0, DEVICES), min_size=1, max_size=6), label="writers")
            # Two that delete want the same, so that no time decides between them
            deleter = data.draw(st.sampled_from([None, *writers]), label="deletes last") if agreed else None
            last: dict[int, tuple[int, int]] = {}  # place -> rank of its newest change
            for number, place in enumerate(writers):
                fields = [("v", (0x10, (turn * 10 + number).to_bytes(4, "little"))), *data.draw(FIELDS)]
                raw = documents.with_id(identity, fields)
                is_last = place not in writers[number + 1 :]
                if write(places[place], world.collection, raw, delete=is_last and place == deleter):
                    last[place] = (0 if place == ATLAS else offsets[place], number)
            if not last:
                continue
            versions = {place: stored(places[place][world.collection], raw) for place in last}
            winner = max(last, key=lambda place: last[place])
            for number in data.draw(st.permutations(range(DEVICES)), label="who syncs first"):
                _look_early(world, world.devices[number], data)
                world.devices[number].work_until_quiet(world.policy)
            world.settle()
            for place in places:
                assert stored(place[world.collection], raw) == versions[winner], f"{winner} was the newest"
            _check_kept(world, versions, winner)
        assert len({tuple(contents(place, world.collection)) for place in places}) == 1
    finally:
        world.close()


def _look_early(world: World, device: Device, data: st.DataObject) -> None:
    """Decide while the streams are only read in part: the facts may be older than the contents."""
    for side in Side:
        for _ in range(data.draw(st.integers(0, 3), label=f"events of {side} read before")):
            device.read(side)
    if device.hand_out(world.policy, 1):
        device.tasks[-1][1].finish()
        device.end_task(len(device.tasks) - 1, report=True)


def _check_kept(world: World, versions: dict[int, bytes | None], winner: int) -> None:
    """Every version that lost is the loser of a record: both versions in full, and the winner's is newer."""
    records = [
        record
        for device in world.devices
        for record in conflict_records.read_uncopied(device.local, limit=10_000)
        if record.collection == world.collection
    ]
    lost = {record.versions[record.winner.other] for record in records}
    for place, version in versions.items():
        assert place == winner or version is None or version in lost, f"the version of {place} is not kept"
    for record in records:
        times = {side: time for side, (time, _) in record.facts.items()}
        older, newer = times[record.winner.other], times[record.winner]
        assert older is None or (newer is not None and newer >= older), "the older version won"
