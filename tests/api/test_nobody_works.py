"""A run that nobody works on: the command that waits for it says which process is missing, and ends."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.database import Database

from syncapp.management import following, nobody_works
from syncapp.store import runs
from syncapp.store.lease import Lease
from syncapp.store.run import Kind, State
from tests.api.conftest import Change

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def impatient(
    local_server: Any,
    atlas_server: Any,
    local_db: Database[Any],
    atlas_db: Database[Any],
    change_settings: Change,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_settings(
        mongodb_uri=local_server.uri(local_db.name),
        mongodb_atlas_uri=atlas_server.uri(atlas_db.name),
    )
    away = dataclasses.replace(nobody_works.get_settings(), celery_broker_url="redis://127.0.0.1:1/0")
    monkeypatch.setattr(nobody_works, "get_settings", lambda: away)
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(following, "GIVE_UP_SECONDS", 1.0)


def command(name: str, *arguments: str) -> tuple[int, str]:
    """Exit status, and all that it said."""
    out = io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def test_a_verify_that_nobody_begins_ends_and_is_withdrawn(local_db: Database[Any]) -> None:
    code, text = command("sync_verify")
    assert code == 2
    assert text.startswith(
        "No listener is active: `manage.py sync_listen` is one, `make run` starts everything"
    )
    assert "Nothing was compared: No listener is active" in text
    assert not runs.load_open(local_db), "it is not done after all when there is a listener again"


def test_a_resync_stays_requested(local_db: Database[Any]) -> None:
    code, text = command("sync_resync")
    assert code == 2
    assert "Nobody works on the run, which goes on when somebody does: No listener is active" in text
    (run,) = runs.load_open(local_db)
    assert (run.kind, run.state) == (Kind.RESYNC, State.WAITING)
    assert "Nobody works on what is waiting or running. No listener is active" in command("sync_runs")[1]


def test_where_a_listener_is_active_and_no_worker_answers_that_is_said(local_db: Database[Any]) -> None:
    lease = Lease(local_db, "the listener", 60_000)
    assert lease.acquire()
    run_id = runs.request(local_db, kind=Kind.VERIFY, why="requested", owes=False)
    (run,) = runs.load_open(local_db)
    assert runs.start(local_db, run)
    code, text = command("sync_runs", "watch", run_id)
    assert code == 2
    assert "broker" in text
    assert "No listener" not in text
    assert runs.load_open(local_db), "it is not his who only looks"


def test_sync_initial_says_that_no_listener_is_active(local_db: Database[Any]) -> None:
    text = command("sync_initial")[1]
    assert "have not been compared yet" in text
    assert "No listener is active" in text
