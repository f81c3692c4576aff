"""Comparison runs as they are kept: every change is a compare-and-set, and one run works at a time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.listener.runs import Runs, drive, mirror_runs
from syncapp.models import ComparisonRun
from syncapp.mongo.connect import CODEC
from syncapp.mongo.transaction import transaction
from syncapp.store import runs
from syncapp.store.names import RUNS
from syncapp.store.results import begun, results_of
from syncapp.store.run import Kind, Progress, Run, State, Treatment

pytestmark = pytest.mark.django_db(transaction=True)
DEVICE = "device"


@pytest.fixture
def local(local_db: Database[Any]) -> Database[Any]:
    return local_db.client.get_database(local_db.name, codec_options=CODEC)


def ask(local: Database[Any], **more: Any) -> Run:
    run = runs.load(local, runs.request(local, **{"kind": Kind.RESYNC, "why": "test", **more}))
    assert run is not None
    return run


class Sent(list[tuple[str, int]]):
    def __call__(self, run_id: str, number: int) -> None:
        self.append((run_id, number))


def state_of(local: Database[Any], run: Run) -> State:
    found = runs.load(local, run.id)
    assert found is not None
    return found.state


def done(at: int = 1) -> Progress:
    return Progress(at=at, start=b"x", names=("a",))


def test_asking_twice_with_one_id_asks_once(local: Database[Any]) -> None:
    for _ in range(2):
        assert ask(local, run_id="halt 1", treatment=Treatment.UNKNOWN).id == "halt 1"
    assert local[RUNS].count_documents({}) == 1


def test_a_request_is_part_of_a_transaction(local: Database[Any]) -> None:
    local.create_collection(RUNS)

    def request_and_fail() -> None:
        with transaction(local) as session:
            runs.request(local, kind=Kind.RESYNC, why="test", session=session)
            raise KeyError

    with pytest.raises(KeyError):
        request_and_fail()
    assert local[RUNS].count_documents({}) == 0


def test_the_listener_starts_a_run_once_and_sends_it_again_only_if_it_is_late(local: Database[Any]) -> None:
    run, sent = ask(local), Sent()
    for _ in range(3):
        drive(local, 60_000, sent)
    assert sent == [(run.id, 0)]
    drive(local, 0, sent)
    assert sent == [(run.id, 0), (run.id, 0)]


def test_a_pause_is_not_lateness(local: Database[Any]) -> None:
    run, sent = ask(local), Sent()
    drive(local, 0, sent)
    assert runs.save_progress(local, dataclasses.replace(run, state=State.RUNNING), done(0), 30) is not None
    drive(local, 0, sent)
    assert sent == [(run.id, 0)]


def test_a_slice_counts_once(local: Database[Any]) -> None:
    """Two tasks that do the same slice: the second finds it done."""
    run = ask(local)
    assert runs.start(local, run)
    progress = done(0)
    progress.counts["documents"] = 10
    assert runs.save_progress(local, run, progress, 0) is not None
    assert runs.save_progress(local, run, progress, 0) is None
    found = runs.load(local, run.id)
    assert found is not None
    assert (found.slice, found.counts["documents"]) == (1, 10)


def test_what_convergence_depends_on_comes_first_and_the_other_goes_on_after_it(local: Database[Any]) -> None:
    verify, sent = ask(local, kind=Kind.VERIFY, owes=False), Sent()
    drive(local, 60_000, sent)
    owed = ask(local)
    drive(local, 60_000, sent)
    assert (state_of(local, verify), state_of(local, owed)) == (State.WAITING, State.RUNNING)
    assert runs.save_progress(local, verify, done(), 0) is None, "its slice that was under way counts no more"
    assert runs.save_progress(local, owed, done(), 0) is not None
    drive(local, 60_000, sent)
    assert state_of(local, verify) is State.RUNNING
    assert sent == [(verify.id, 0), (owed.id, 0), (verify.id, 0)]


def test_what_convergence_depends_on_cannot_be_cancelled(local: Database[Any]) -> None:
    owed, verify = ask(local), ask(local, kind=Kind.VERIFY, owes=False)
    assert not runs.cancel(local, owed.id, "by me")
    assert runs.cancel(local, verify.id, "by me")
    assert (state_of(local, owed), state_of(local, verify)) == (State.WAITING, State.CANCELLED)
    assert not runs.cancel(local, verify.id, "by me")


def test_a_cancelled_run_stops_at_its_next_slice(local: Database[Any]) -> None:
    run = ask(local, owes=False)
    runs.start(local, run)
    assert runs.cancel(local, run.id, "by me")
    assert runs.save_progress(local, run, done(), 0) is None
    assert state_of(local, run) is State.CANCELLED


def test_a_later_run_over_everything_does_the_work_of_older_ones(local: Database[Any]) -> None:
    older, part = ask(local), ask(local, collections=["a"])
    answer = ask(local, treatment=Treatment.UNKNOWN)
    newer = ask(local)
    runs.supersede(local, newer.id)
    states = [state_of(local, run) for run in (older, part, answer, newer)]
    assert states == [State.CANCELLED, State.CANCELLED, State.WAITING, State.WAITING]


def test_every_change_is_mirrored_in_django(local: Database[Any]) -> None:
    run, sent = ask(local, collections=["a"]), Sent()
    drive(local, 60_000, sent)
    mirror_runs(local, DEVICE)
    row = ComparisonRun.objects.get(run_id=run.id)
    assert (row.state, row.collections, row.instance_id) == ("running", ["a"], DEVICE)
    runs.save_progress(local, run, done(), 0)
    mirror_runs(local, DEVICE)
    row.refresh_from_db()
    assert (row.state, row.ended_at is not None) == ("done", True)


def test_a_paused_run_lets_others_go_first_and_continues_where_it_was(local: Database[Any]) -> None:
    run, sent = ask(local, kind=Kind.VERIFY, owes=False), Sent()
    drive(local, 60_000, sent)
    assert runs.save_progress(local, run, done(0), 0) is not None
    assert runs.pause(local, run.id)
    assert not runs.pause(local, run.id)
    other = ask(local, owes=False)
    drive(local, 0, sent)
    assert (state_of(local, run), state_of(local, other)) == (State.PAUSED, State.RUNNING)
    assert runs.save_progress(local, dataclasses.replace(run, slice=1), done(), 0) is None
    assert runs.resume(local, run.id)
    assert not runs.resume(local, run.id)
    assert runs.save_progress(local, other, done(), 0) is not None
    drive(local, 60_000, sent)
    assert sent == [(run.id, 0), (other.id, 0), (run.id, 1)]
    assert state_of(local, run) is State.RUNNING


def test_a_paused_run_can_be_cancelled_or_superseded_and_is_mirrored(local: Database[Any]) -> None:
    owed, verify = ask(local), ask(local, kind=Kind.VERIFY, owes=False)
    for run in (owed, verify):
        assert runs.pause(local, run.id)
    mirror_runs(local, DEVICE)
    row = ComparisonRun.objects.get(run_id=verify.id)
    assert (row.state, row.paused_at is not None) == ("paused", True)
    assert runs.cancel(local, verify.id, "by me")
    runs.supersede(local, ask(local).id)
    assert (state_of(local, owed), state_of(local, verify)) == (State.CANCELLED, State.CANCELLED)
    found = runs.load(local, verify.id)
    assert found is not None
    assert found.paused_at is None


def test_the_rate_counts_neither_pauses_nor_outages(local: Database[Any]) -> None:
    run, sent = ask(local, kind=Kind.VERIFY, owes=False), Sent()
    drive(local, 60_000, sent)
    local[RUNS].update_one({"_id": run.id}, [{"$set": {"workedFrom": {"$subtract": ["$$NOW", 4_000]}}}])
    progress = done(0)
    progress.count("a", "documents", 8_000)
    progress.expected = 24_000
    found = runs.save_progress(local, run, progress, 0)
    assert found is not None
    assert found.rate == pytest.approx(2_000, rel=0.2)
    assert found.seconds_left == pytest.approx(8, rel=0.2)
    assert runs.pause(local, run.id)
    paused = runs.load(local, run.id)
    assert paused is not None
    assert (paused.rate, paused.seconds_left) == (None, None)
    local[RUNS].update_one({"_id": run.id}, [{"$set": {"workedFrom": {"$subtract": ["$$NOW", 3_600_000]}}}])
    assert runs.resume(local, run.id)
    drive(local, 60_000, sent)
    for number in (1, 2):
        local[RUNS].update_one(
            {"_id": run.id}, [{"$set": {"workedFrom": {"$subtract": ["$workedFrom", 3_600_000]}}}]
        )
        drive(local, 0, sent)  # nobody worked on it: it is sent again
        before = runs.load(local, run.id)
        assert before is not None
        found = runs.save_progress(local, before, done(number - 1), 0)
        assert found is not None
        assert found.worked_ms < 60_000
    assert found.rate == pytest.approx(2_000, rel=0.2), "of the whole run, when it has ended"


def test_a_collection_is_in_sync_as_of_a_time_when_all_of_it_is_compared(local: Database[Any]) -> None:
    run, now = ask(local, kind=Kind.VERIFY, owes=False), dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert runs.start(local, run)
    suspect = {"c": "b", "id": b"x", "l": b"1", "a": b"2", "looks": 0, "moves": 0, "at": 0}
    progress = Progress(3, None, ("a", "b", "c"), 9, [suspect])
    progress.results = {name: begun(name, now) for name in progress.names}
    progress.count("c", "different")
    found = runs.save_progress(local, run, progress, 0)
    assert found is not None
    assert [one.in_sync_as_of for one in results_of(found)] == [now, None, None]
    progress.suspects, progress.at = [], 3
    found = runs.save_progress(local, found, progress, 0)
    assert found is not None
    assert [one.in_sync_as_of for one in results_of(found)] == [now, now, None]
    assert [one.over for one in results_of(found)] == [True, True, True]


def test_a_run_that_went_with_its_database_is_over(local: Database[Any]) -> None:
    gone, over = ask(local), ask(local, kind=Kind.VERIFY, owes=False)
    assert runs.cancel(local, over.id, "not needed")
    mirror_runs(local, DEVICE)
    local[RUNS].drop()
    stays = ask(local)
    for _ in range(2):
        Runs(local, DEVICE, 1, lambda: ()).mirror()
    found = {row.run_id: (row.state, row.error) for row in ComparisonRun.objects.all()}
    assert found[gone.id] == ("cancelled", "The local database was dropped or replaced, and this run with it")
    assert found[over.id] == ("cancelled", "not needed")
    assert found[stays.id] == ("waiting", "")
