"""What the choice of the first run is about: documents on which the sides have never agreed."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.core.content import content_hash, document_key
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import ABSENT, Side
from syncapp.first_run import comparison as first_run
from syncapp.rules.rules import Rules
from syncapp.store.prepare import prepare
from syncapp.store.states import read_states

pytestmark = pytest.mark.django_db
RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=1)
LEAVE = InitialChoice("local", "leave", "leave")


def test_a_document_that_was_equal_and_is_deleted_while_it_waits_is_not_left(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    """It looks like one that only one side ever had. Left there, its delete would never be carried."""
    prepare(local_db, atlas_db, 24)
    databases = {Side.LOCAL: local_db, Side.ATLAS: atlas_db}
    for side, database in databases.items():
        equal = [{"_id": name} for name in ("deleted on local", "deleted on atlas", "changed", "equal")]
        database["shop"].insert_many([*equal, {"_id": f"only on {side}"}])
    assert first_run.attempt(databases, RULES, None, lambda documents: None) is not None, "it waits"
    for side, database in databases.items():
        assert database["shop"].delete_one({"_id": f"deleted on {side}"}).deleted_count == 1
    local_db["shop"].update_one({"_id": "changed"}, {"$set": {"x": 1}})

    assert first_run.attempt(databases, RULES, LEAVE, lambda documents: None) is None
    marked = {one["key"]["_id"] for one in local_db["_sync_dirty"].find()}
    assert marked == {"deleted on local", "deleted on atlas", "changed"}
    keys = {side: document_key("shop", bson.encode({"_id": f"only on {side}"})) for side in Side}
    states = read_states(local_db, keys.values())
    held = {side: content_hash(bson.encode({"_id": f"only on {side}"})) for side in Side}
    for side in Side:
        state = states[keys[side]]
        agreed = {Side.LOCAL: state.local, Side.ATLAS: state.atlas}
        assert agreed == {side: held[side], side.other: ABSENT}, "the sides agree to differ"
