"""Comparison runs as they are kept: every change is a compare-and-set, and one run works at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.compare.drive import drive, mirror_runs
from syncapp.models import ComparisonRun
from syncapp.mongo.connect import CODEC
from syncapp.mongo.transaction import transaction
from syncapp.store import runs
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
    assert local[runs.RUNS].count_documents({}) == 1


def test_a_request_is_part_of_a_transaction(local: Database[Any]) -> None:
    local.create_collection(runs.RUNS)

    def request_and_fail() -> None:
        with transaction(local) as session:
            runs.request(local, kind=Kind.RESYNC, why="test", session=session)
            raise KeyError

    with pytest.raises(KeyError):
        request_and_fail()
    assert local[runs.RUNS].count_documents({}) == 0


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
