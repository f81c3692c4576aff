"""The nightly verification: a part of both sides for a limited time, and the next night what comes after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from pymongo.database import Database

from monitoring.facts import take_snapshot
from syncapp.compare import second_look, slices
from syncapp.compare.slices import Pace, Slice
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import LAST_WRITE_WINS
from syncapp.embedded.mongod import Mongod
from syncapp.listener.runs import mirror_runs
from syncapp.models import ComparedCollection
from syncapp.mongo.connect import connect
from syncapp.rules.rules import Rules
from syncapp.services.nightly import request_part
from syncapp.services.switches import change_switches
from syncapp.store import first_run, runs
from syncapp.store.names import HALTS, METADATA, RUNS
from syncapp.store.run import Kind, Run, State
from tests.api.conftest import Change, change_settings
from tests.support import rows

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["change_settings"]
RULES = Rules(True, False, LAST_WRITE_WINS, Exclusions(), 1)


@pytest.fixture
def sides(
    local_db: Database[Any],
    atlas_db: Database[Any],
    local_server: Mongod,
    atlas_server: Mongod,
    change_settings: Change,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Database[Any], Database[Any]]]:
    """Equal on both sides, after the first run, with a listener."""
    uris = local_server.uri(local_db.name), atlas_server.uri(atlas_db.name)
    change_settings(mongodb_uri=uris[0], mongodb_atlas_uri=uris[1])
    monkeypatch.setattr(second_look, "LOOK_MS", 0)
    local, atlas = connect(uris[0], "test"), connect(uris[1], "test")
    for database in (local, atlas):
        for name in "abc":
            database[name].insert_many([{"_id": n, "v": 0} for n in range(2_500)])
    first_run.finish(local, first_run.Report({}, set()), None)
    soon = timezone.now() + dt.timedelta(hours=1)
    local[METADATA].insert_one({"_id": "lease", "holder": "test", "epoch": 1, "until": soon})
    change_switches(enabled=True, paused=False)
    rows.device()
    yield local, atlas
    for database in (local, atlas):
        database.client.close()


def work(
    sides: tuple[Database[Any], Database[Any]], run_id: str, slices: int = 1_000, documents: int = 500
) -> Run:
    """So many slices, until its time is used up."""
    local, atlas = sides
    run = runs.load(local, run_id)
    assert run is not None
    assert runs.start(local, run)
    for number in range(1_000):
        run = runs.load(local, run_id)
        assert run is not None
        if not run.open:
            break
        if number == slices:
            local[RUNS].update_one({"_id": run_id}, {"$set": {"workedMs": run.budget_ms}})
            continue
        part = Slice(local, atlas, run, RULES.policy)
        pause = part.work(Pace(rate=documents))
        runs.save_progress(local, run, part.progress, pause)
    mirror_runs(local, rows.DEVICE)
    return run


def test_what_a_former_device_found_is_forgotten(sides: tuple[Database[Any], Database[Any]]) -> None:
    now = timezone.now()
    ComparedCollection.objects.create(
        instance_id="former", collection="a", differing=40, documents=100, compared_at=now, run_id="1"
    )
    assert take_snapshot().facts.safety.differing == 40
    run_id, _ = request_part(30)
    work(sides, run_id)
    assert take_snapshot().facts.safety.differing == 0
    assert ComparedCollection.objects.count() == 3


def test_no_marks_are_written_while_much_is_pending(sides: tuple[Database[Any], Database[Any]]) -> None:
    local, atlas = sides
    atlas["a"].update_one({"_id": 1}, {"$set": {"v": 1}})
    run_id = runs.request(local, kind=Kind.RESYNC, why="test")
    run = runs.load(local, run_id)
    assert run is not None
    busy, calm = (Slice(local, atlas, run, RULES.policy) for _ in range(2))
    assert busy.work(Pace(pending=101, most_pending=100)) == 1.0
    assert local["_sync_dirty"].count_documents({}) == 0
    calm.work(Pace(pending=100, most_pending=100))
    assert local["_sync_dirty"].count_documents({}) > 0


@pytest.mark.parametrize("slower", [0, 1], ids=["local", "Atlas"])
def test_in_sync_as_of_is_the_time_of_the_slower_server(
    sides: tuple[Database[Any], Database[Any]], slower: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = (dt.datetime(2026, 1, 1, hour, tzinfo=dt.UTC) for hour in (1, 2))
    behind = sides[slower].name
    monkeypatch.setattr(slices, "majority_time", lambda database: early if database.name == behind else late)
    run_id, _ = request_part(30)
    assert {one["since"] for one in work(sides, run_id).results} == {early}


def test_several_nights_cover_everything_and_say_up_to_when_it_is_in_sync(
    sides: tuple[Database[Any], Database[Any]],
) -> None:
    local, atlas = sides
    run_id, why = request_part(30)
    assert why == ""
    night = work(sides, run_id, slices=7)
    assert (night.state, night.counts["documents"]) == (State.DONE, 3_500)
    assert ComparedCollection.objects.get().collection == "a"
    first = night.results[1]["since"]
    atlas["b"].update_one({"_id": 1}, {"$set": {"v": 1}})  # in what is already compared
    atlas["b"].update_one({"_id": 2_000}, {"$set": {"v": 1}})
    atlas["c"].delete_one({"_id": 2_499})

    run_id, _ = request_part(30)
    night = work(sides, run_id, slices=4)
    assert night.names == ("b", "c", "a")
    assert (night.results[0]["since"], night.results[0]["documents"]) == (first, 2_500)
    assert night.counts["different"] == 1
    reason = take_snapshot().health.reasons[-1]
    assert (str(reason.code), str(reason.status)) == ("comparison-differences", "degraded")
    assert "found 1 document that differ, in b" in reason.text

    run_id, _ = request_part(30)
    night = work(sides, run_id)
    assert night.names == ("c", "a", "b")
    found = {row.collection: row for row in ComparedCollection.objects.all()}
    assert {name: row.differing for name, row in found.items()} == {"a": 0, "b": 2, "c": 1}
    assert found["a"].as_of == night.results[1]["since"]
    assert take_snapshot().facts.safety.differing == 3
    repair = runs.request(local, kind=Kind.REPAIR, why="requested", owes=False)
    work(sides, repair)
    assert take_snapshot().facts.safety.differing == 0, "they are in the hands of live sync"


def test_a_collection_that_is_gone_is_no_longer_named(sides: tuple[Database[Any], Database[Any]]) -> None:
    local, atlas = sides
    atlas["b"].delete_many({})
    work(sides, runs.request(local, kind=Kind.VERIFY, why="requested", owes=False), documents=5_000)
    assert ComparedCollection.objects.get(collection="b").differing == 2_500
    for database in sides:
        database["b"].drop()
    work(sides, runs.request(local, kind=Kind.VERIFY, why="requested", owes=False), documents=5_000)
    assert {row.collection for row in ComparedCollection.objects.all()} == {"a", "c"}


def test_there_is_none_where_it_would_disturb_or_mislead(sides: tuple[Database[Any], Database[Any]]) -> None:
    local, _ = sides
    change_switches(paused=True)
    assert request_part(30) == ("", "sync is paused")
    change_switches(paused=False)
    run = runs.request(local, kind=Kind.VERIFY, why="requested", owes=False)
    assert runs.pause(local, run)
    assert request_part(30) == ("", "another comparison run is under way")
    assert runs.cancel(local, run, "by me")
    local[METADATA].update_one({"_id": "first-run"}, {"$set": {"state": "waiting"}})
    assert request_part(30) == ("", "the first run is not done")
    local[METADATA].update_one({"_id": "first-run"}, {"$set": {"state": "done"}})
    local[METADATA].delete_one({"_id": "lease"})
    assert request_part(30) == ("", "no listener is active")
    assert request_part(0) == ("", "SYNC_VERIFY_MINUTES is 0")
    assert local[RUNS].count_documents({}) == 1
    assert local[HALTS].count_documents({}) == 0


def test_an_operators_run_comes_before_it(sides: tuple[Database[Any], Database[Any]]) -> None:
    local, _ = sides
    part, _ = request_part(30)
    asked = runs.request(local, kind=Kind.VERIFY, why="requested", owes=False)
    assert [run.id for run in runs.load_open(local)] == [asked, part]
