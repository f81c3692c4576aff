"""Every step of the first run may be repeated: it dies at each page, the world changes, it starts again."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.bulk import first_run, first_run_record
from syncapp.bulk.compare import PAGE
from syncapp.bulk.start import prepare
from syncapp.engine.values import Side
from syncapp.rules.exclusions import Exclusions
from syncapp.rules.initial_choice import InitialChoice
from syncapp.rules.rules import Rules

RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=1)
LEAVE = InitialChoice("local", "leave", "leave")
PAGES = 4  # of documents that only one side has, two pages a side


class Crash(Exception):
    pass


def keys(database: Database[Any]) -> set[str]:
    return {one["key"]["_id"] for one in database["_sync_dirty"].find()}


@pytest.mark.parametrize("survived", range(PAGES))
def test_what_was_left_and_changed_since_is_carried_and_the_rest_stays(
    local_db: Database[Any], atlas_db: Database[Any], survived: int
) -> None:
    prepare(local_db, atlas_db, 24)
    databases = {Side.LOCAL: local_db, Side.ATLAS: atlas_db}
    for side, database in databases.items():
        database["shop"].insert_many([{"_id": f"{side} {number:04}"} for number in range(2 * PAGE)])
    asked = iter(range(100))

    def dies(documents: int) -> None:
        if next(asked) == survived:
            raise Crash

    with pytest.raises(Crash):
        first_run.attempt(databases, RULES, LEAVE, dies)
    assert not first_run.is_done(local_db)
    assert local_db["_sync_state"].count_documents({}) == survived * PAGE

    # On each page one document changes while nobody runs
    for side, database in databases.items():
        for number in (0, PAGE):
            database["shop"].update_one({"_id": f"{side} {number:04}"}, {"$set": {"x": 1}})
    assert first_run.attempt(databases, RULES, LEAVE, lambda documents: None) is None
    assert first_run.is_done(local_db)
    changed = [f"{side} {number:04}" for side in Side for number in (0, PAGE)]
    assert keys(local_db) == set(changed[:survived])
    assert local_db["_sync_state"].count_documents({}) == PAGES * PAGE
    assert first_run_record.load(local_db).choice == LEAVE


def test_two_differing_sides_wait_and_nothing_is_marked(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    prepare(local_db, atlas_db, 24)
    local_db["shop"].insert_many([{"_id": 1, "x": 1}, {"_id": 2}, {"_id": 3}])
    atlas_db["shop"].insert_many([{"_id": 1, "x": 1.0}, {"_id": 2}, {"_id": 4}])
    databases = {Side.LOCAL: local_db, Side.ATLAS: atlas_db}
    report = first_run.attempt(databases, RULES, None, lambda documents: None)
    assert report is not None
    assert report.total.as_document() == {"equal": 1, "different": 1, "onlyLocal": 1, "onlyAtlas": 1}
    assert keys(local_db) == set()
    assert local_db["_sync_metadata"].find_one({"_id": "atlas-resume-token"}) is None

    # Somebody mends the databases by hand: the next start finds nothing to ask
    for database in databases.values():
        database["shop"].drop()
        database["shop"].insert_one({"_id": 1})
    assert first_run.attempt(databases, RULES, None, lambda documents: None) is None
    assert first_run_record.load(local_db).state == "done"
