"""The first run goes on after a crash: it dies at each page, the world changes, the next listener finishes it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.initial_choice import InitialChoice
from syncapp.core.rule.collection_rule import CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.first_run import comparison as first_run
from syncapp.rules.rules import Rules
from syncapp.store import first_run as first_run_record
from syncapp.store.names import FIRST_RUN, METADATA
from syncapp.store.prepare import prepare
from syncapp.store.run import PAGE

pytestmark = pytest.mark.django_db
RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=1)
LEAVE = InitialChoice("local", "leave", "leave")


class Crash(Exception):
    pass


def keys(database: Database[Any]) -> set[str]:
    return {one["key"]["_id"] for one in database["_sync_dirty"].find()}


@pytest.fixture
def databases(local_db: Database[Any], atlas_db: Database[Any]) -> dict[Side, Database[Any]]:
    """Two databases with documents that only one side has; Atlas's come first in the order of _id."""
    prepare(local_db, atlas_db, 24)
    found = {Side.LOCAL: local_db, Side.ATLAS: atlas_db}
    for side, database in found.items():
        database["shop"].insert_many([{"_id": f"{side} {number:04}"} for number in range(2 * PAGE)])
    return found


def interrupt(databases: dict[Side, Database[Any]], rules: Rules, survived: int) -> None:
    asked = iter(range(100))

    def dies(documents: int) -> None:
        if next(asked) == survived:
            raise Crash

    with pytest.raises(Crash):
        first_run.attempt(databases, rules, LEAVE, dies)


@pytest.mark.parametrize(("survived", "walked"), [(0, 0), (1, PAGE), (2, 3 * PAGE)])
def test_it_goes_on_where_it_was_and_what_changed_since_comes_by_the_streams(
    databases: dict[Side, Database[Any]], survived: int, walked: int
) -> None:
    local = databases[Side.LOCAL]
    interrupt(databases, RULES, survived)
    assert not first_run.is_done(local)
    assert local["_sync_state"].count_documents({}) == walked

    # On each page one document changes while nobody runs
    for side, database in databases.items():
        for number in (0, PAGE):
            database["shop"].update_one({"_id": f"{side} {number:04}"}, {"$set": {"x": 1}})
    steps: list[int] = []
    assert first_run.attempt(databases, RULES, LEAVE, steps.append) is None
    assert first_run.is_done(local)
    assert steps[0] == walked, "nothing is compared twice"
    assert keys(local) == set()
    assert local["_sync_state"].count_documents({}) == 4 * PAGE
    assert first_run_record.load(local).choice == LEAVE
    (run,) = local["_sync_runs"].find()
    assert (run["kind"], run["state"], run["counts"]["documents"]) == ("first run", "done", 4 * PAGE)
    for side in Side:
        token = local["_sync_metadata"].find_one({"_id": f"{side}-resume-token"})
        assert token is not None
        assert token["token"] == run["points"][side.value], (
            "streams are read from before the first comparison"
        )


@pytest.mark.parametrize(
    "rules",
    [{"enabled": False}, {"collections": CollectionRules.of([{"pattern": "shop", "filter": {"shop": "a"}}])}],
    ids=["disabled", "a filter"],
)
def test_under_other_rules_it_begins_anew(
    databases: dict[Side, Database[Any]], rules: dict[str, Any]
) -> None:
    interrupt(databases, RULES, 1)
    steps: list[int] = []
    other = dataclasses.replace(RULES, **rules)
    assert first_run.attempt(databases, other, LEAVE, steps.append) is None
    assert steps[0] == 0
    states = [run["state"] for run in databases[Side.LOCAL]["_sync_runs"].find().sort("requestedAt", 1)]
    assert states == ["cancelled", "done"]


@pytest.mark.parametrize("choice", [LEAVE, None])
def test_what_both_sides_changed_alike_since_it_was_agreed_on_is_looked_at(
    local_db: Database[Any], atlas_db: Database[Any], choice: InitialChoice | None
) -> None:
    """Where a rule adds up the change counts twice: a first run that is repeated must not take it for an agreement."""
    prepare(local_db, atlas_db, 24)
    databases = {Side.LOCAL: local_db, Side.ATLAS: atlas_db}
    for stock in (10, 9):
        for database in databases.values():
            database["shop"].replace_one({"_id": "till"}, {"stock": stock}, upsert=True)
        local_db[METADATA].delete_one({"_id": FIRST_RUN})
        assert first_run.attempt(databases, RULES, choice, lambda documents: None) is None
        assert keys(local_db) == ({"till"} if stock == 9 else set())


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
