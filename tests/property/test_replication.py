"""Property 1: what an application does on Atlas arrives in the local database, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from tests.property import documents
from tests.property.applications import contents, stored, write
from tests.property.documents import FIELDS, Element
from tests.property.examples import share_of_examples
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]


@pytest.mark.timeout(3600)
@share_of_examples(1)
@given(data=st.data(), ids=documents.ids())
def test_whatever_is_written_on_atlas_arrives_in_the_local_database(
    databases: Databases, data: st.DataObject, ids: list[Element]
) -> None:
    """Property 1: Atlas → local replication."""
    world = World.build(*databases, 1, Policy())
    local, atlas = world.devices[0].local, world.atlas
    try:
        for _ in range(data.draw(st.integers(1, 5), label="writes")):
            identity = data.draw(st.sampled_from(ids), label="_id")
            raw = documents.with_id(identity, data.draw(FIELDS, label="fields"))
            delete = data.draw(st.integers(0, 3), label="0 deletes") == 0
            written = write(atlas, world.collection, raw, delete=delete)
            if data.draw(st.booleans(), label="sync looks now"):
                world.settle()
                if written:
                    assert stored(local[world.collection], raw) == stored(atlas[world.collection], raw)
        world.settle()
        assert contents(local, world.collection) == contents(atlas, world.collection)
        assert world.devices[0].pushes == 0, "nobody wrote locally"
    finally:
        world.close()
