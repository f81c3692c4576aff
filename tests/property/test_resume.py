"""Property 5: a listener that is interrupted anywhere, and workers that die anywhere, leave no gap."""

from __future__ import annotations

from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH
from syncapp.mongo.change_stream import token_position
from syncapp.store.tokens import load_token, save_token
from tests.property import documents
from tests.property.applications import contents, write
from tests.property.documents import FIELDS, Element
from tests.property.examples import share_of_examples
from tests.property.world import Device, World

Databases = tuple[Database[Any], Database[Any]]
ATLAS = 1
TASK_STEPS = ["task goes on", "task dies", "task ends", "task ends"]


def save_tokens(device: Device) -> None:
    """As the listener does it: in the local database."""
    device.save_tokens()
    for side, token in device.saved.items():
        save_token(device.local, side, token)


def start_again(device: Device) -> None:
    """A listener that knows nothing but what was saved. What workers do meanwhile is reported to nobody."""
    for side in BOTH:
        token = load_token(device.local, side)
        assert token is not None
        device.saved[side] = token
    device.open()


def transaction(database: Database[Any], collection: str, ids: list[Element], data: st.DataObject) -> None:
    """An application writes several documents in one transaction, which the listener may read in parts."""
    raws = [documents.with_id(identity, data.draw(FIELDS)) for identity in ids]
    raws += [documents.with_id((0x10, number.to_bytes(4, "little")), []) for number in range(5)]
    with database.client.start_session() as session, session.start_transaction():
        for raw in raws:
            query = RawBSONDocument(documents.id_filter(raw))
            database[collection].delete_one(query, session=session)
            database[collection].insert_one(RawBSONDocument(raw), session=session)


def work_in_part(world: World, ids: list[Element], data: st.DataObject) -> None:
    """Applications write; the streams are read in part; some of what was read is worked on, some of that
    to its end."""
    (device,) = world.devices
    for _ in range(data.draw(st.integers(1, 3), label="writes")):
        database = world.database(data.draw(st.integers(0, ATLAS), label="place"))
        if data.draw(st.integers(0, 3), label="0 is a transaction") == 0:
            transaction(database, world.collection, ids, data)
        else:
            raw = documents.with_id(data.draw(st.sampled_from(ids)), data.draw(FIELDS))
            write(database, world.collection, raw, delete=data.draw(st.booleans(), label="delete"))
    read_in_part(device, data)
    for _ in range(data.draw(st.integers(0, 2), label="batches")):
        device.hand_out(world.policy, data.draw(st.integers(1, 3), label="limit"))
    for step in data.draw(st.lists(st.sampled_from(TASK_STEPS), max_size=5)):
        if device.tasks:
            _with_a_task(device, step, data)
    read_in_part(device, data)  # its own writes: a transaction of sync may be cut anywhere


def read_in_part(device: Device, data: st.DataObject) -> None:
    for side in BOTH:
        for _ in range(data.draw(st.integers(0, 5), label=f"events of {side} read")):
            device.read(side)


def _with_a_task(device: Device, step: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(device.tasks) - 1), label="task")
    task = device.tasks[index][1]
    if step == "task dies":
        task.crash(holding=data.draw(st.booleans(), label="in a transaction"))
        del device.tasks[index]
    elif step == "task goes on":
        if task.step() is None:
            device.end_task(index, report=data.draw(st.booleans(), label="report arrives"))
    else:
        task.finish()
        device.end_task(index, report=True)


@pytest.mark.timeout(3600)
@share_of_examples(0.8)
@given(data=st.data(), ids=documents.ids())
def test_sync_goes_on_without_a_gap_after_an_interruption_anywhere(
    databases: Databases,
    exact_times: None,
    single_events: None,
    data: st.DataObject,
    ids: list[Element],
) -> None:
    """Property 5: resume after any interruption."""
    world = World.build(*databases, 1, Policy())
    (device,) = world.devices
    tokens = [dict(device.saved)]
    try:
        save_tokens(device)
        for _ in range(data.draw(st.integers(1, 4), label="interruptions")):
            work_in_part(world, ids, data)
            save_tokens(device)
            tokens.append(dict(device.saved))
            if data.draw(st.booleans(), label="the listener only goes on"):
                work_in_part(world, ids, data)
            start_again(device)  # whatever was going on is forgotten
        world.settle()
        synced = contents(world.atlas, world.collection)
        assert contents(device.local, world.collection) == synced
        for side in BOTH:
            positions = [token_position(saved[side]) for saved in tokens]
            assert positions == sorted(positions), "a saved token went back"

        # Every token that was ever saved may be resumed at, since all work behind it may be repeated
        pulls, pushes, earlier = device.pulls, device.pushes, []
        for saved in (data.draw(st.sampled_from(tokens), label="resumed at"), tokens[0]):
            earlier += device.changes
            device.changes = []
            device.saved = dict(saved)
            device.open()
            world.settle()
            assert contents(device.local, world.collection) == synced
            assert contents(world.atlas, world.collection) == synced
            assert (device.pulls, device.pushes) == (pulls, pushes), "work that was done was done again"
        resumed = {(side, change.key, change.fact) for side, change in earlier}
        whole = {(side, change.key, change.fact) for side, change in device.changes}
        assert resumed <= whole, "resumed at a token, sync takes its own write for an application's"
    finally:
        world.close()
