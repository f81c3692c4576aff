"""What no stream delivers is compared, and what is not compared comes by a stream: there is no gap between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.compare import differences, start_points
from syncapp.compare.refusal_watch import RefusalWatch
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.first_run import walk
from syncapp.listener.runs import Runs
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.errors import HistoryLost
from syncapp.rules.rules import Rules
from syncapp.store import runs
from syncapp.store.prepare import prepare
from syncapp.store.stream import pipeline
from syncapp.store.tokens import forget_token, load_token, missing_tokens

Databases = dict[Side, Database[Any]]
ALL = Exclusions()
RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=ALL, version=1)


@pytest.fixture
def databases(local_db: Database[Any], atlas_db: Database[Any]) -> Databases:
    prepare(local_db, atlas_db, 24)
    for database in (local_db, atlas_db):
        database["shop"].insert_one({"_id": "before"})
    return {Side.LOCAL: local_db, Side.ATLAS: atlas_db}


def requested(databases: Databases) -> list[str]:
    return [run.why for run in runs.load_open(databases[Side.LOCAL]) if not run.collections]


def delivered(database: Database[Any], side: Side, point: dict[str, Any]) -> set[str]:
    """The documents whose changes a stream brings that begins there, until that of a document that is written now."""
    database["shop"].insert_one({"_id": "the end"})
    stream = ChangeStream.open(database, pipeline(side, ALL), 100, point)
    found: set[str] = set()
    try:
        while "the end" not in found:
            events = (bson.decode(event) for event in stream.fetch(1_000).events)
            found |= {event["documentKey"]["_id"] for event in events if event.get("c") in ("shop", "new")}
    finally:
        stream.close()
    return found


def just_before(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], object], after: bool = False
) -> None:
    does = getattr(module, name)

    def first(*arguments: Any, **more: Any) -> Any:
        if after:
            result = does(*arguments, **more)
            act()
            return result
        act()
        return does(*arguments, **more)

    monkeypatch.setattr(module, name, first)


@pytest.mark.parametrize("side", BOTH)
def test_without_a_token_both_sides_are_compared_and_the_stream_begins_before_that(
    databases: Databases, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may compare a document as soon as the comparison is requested, and the document change right after."""
    database = databases[side]
    just_before(monkeypatch, runs, "request", lambda: database["shop"].insert_one({"_id": "meanwhile"}))
    points = start_points.start_points(databases, ALL, enabled=True)
    assert requested(databases) == ["resume token missing"]
    assert delivered(database, side, points[side]) == {"meanwhile", "the end"}
    for one in BOTH:
        assert load_token(databases[Side.LOCAL], one) == points[one], "it is compared once"


@pytest.mark.parametrize("side", BOTH)
def test_a_token_that_is_deleted_is_noticed_and_asks_for_a_comparison(
    databases: Databases, side: Side
) -> None:
    local = databases[Side.LOCAL]
    start_points.start_points(databases, ALL, enabled=True)
    local["_sync_runs"].delete_many({})
    driver = Runs(local, "device", 60_000, lambda: BOTH)
    driver.drive()
    start_points.start_points(databases, ALL, enabled=True)
    assert requested(databases) == []

    forget_token(local, side)
    with pytest.raises(HistoryLost):
        driver.drive()
    start_points.start_points(databases, ALL, enabled=True)
    assert requested(databases) == ["resume token missing"]
    assert missing_tokens(local, BOTH) == set(), "it is noticed once"


@pytest.mark.parametrize("side", BOTH)
def test_a_crash_while_a_comparison_is_requested_loses_no_reason_for_it(
    databases: Databases, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(Exception):
        pass

    def crashes() -> None:
        raise Crash

    for name in ("supersede", "request"):
        with monkeypatch.context() as patch:
            just_before(patch, runs, name, crashes)
            with pytest.raises(Crash):
                start_points.start_points(databases, ALL, enabled=True)
        assert load_token(databases[Side.LOCAL], side) is None
        assert requested(databases) == []


@pytest.mark.parametrize("side", BOTH)
def test_the_streams_begin_before_the_first_run_asks_which_collections_there_are(
    databases: Databases, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not compare one that is made after that."""
    database = databases[side]
    just_before(
        monkeypatch,
        differences,
        "shared_collections",
        lambda: database["new"].insert_one({"_id": "new"}),
        after=True,
    )
    begun = walk.begin(databases, RULES, None)
    assert begun.record.names == ["shop"]
    assert delivered(database, side, begun.record.points[side]) == {"new", "the end"}


def test_what_was_refused_is_compared_once_it_is_not_also_by_another_listener(databases: Databases) -> None:
    """Though no worker met one of its documents: a comparison passed it by."""
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    atlas.create_collection("ring", capped=True, size=65_536)
    RefusalWatch(local, atlas).look()
    atlas.drop_collection("ring")
    atlas.create_collection("ring")
    RefusalWatch(local, atlas).look()
    (run,) = runs.load_open(local)
    assert list(run.collections) == ["ring"]
