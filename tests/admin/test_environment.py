"""The emergency rollback: a line of `.env` that is new or says something else wins at the next start; and it is
said where each value came from."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from syncapp.conf.settings import SyncSettings, load
from syncapp.models import AuditEntry, ExcludedCollection, SyncSwitches
from syncapp.rules.switches import apply_environment, get_switches
from syncapp.services.rules.exclusions import exclude, include
from syncapp.services.switches import change_switches
from syncapp.tasks.schedule import VARIABLE, seed
from tests.support import rows
from tests.support.processes import manage

pytestmark = pytest.mark.django_db
DEFAULT = "sessions,logs,notifications,_sync_metadata"
LINES = {
    "BIDIRECTIONAL_SYNC_ENABLED": "false",
    "CONFLICT_RESOLUTION_STRATEGY": "last-write-wins",
    "BIDIRECTIONAL_EXCLUDED_COLLECTIONS": DEFAULT,
}


def start(**lines: str) -> None:
    apply_environment(load(lines))


@pytest.fixture(autouse=True)
def _fresh_home() -> None:
    SyncSwitches.objects.all().delete()
    ExcludedCollection.objects.all().delete()


def change_everything() -> None:
    """As an operator does at run time."""
    change_switches(enabled=True, strategy="manual")
    exclude("temp_*")
    include("logs")


def in_force() -> tuple[bool, str, set[str]]:
    switches = get_switches()
    patterns = set(ExcludedCollection.objects.values_list("pattern", flat=True))
    return switches.enabled, switches.strategy, patterns


AT_FIRST = (False, "last-write-wins", set(DEFAULT.split(",")))
CHANGED = (True, "manual", set(DEFAULT.split(",")) - {"logs"} | {"temp_*"})


def test_a_new_line_wins_also_when_it_says_the_default() -> None:
    start()
    change_everything()
    start()
    assert in_force() == CHANGED, "without a new line the run time's values stay"
    AuditEntry.objects.all().delete()
    before = get_switches().version
    start(**LINES)
    assert in_force() == AT_FIRST
    assert get_switches().version == before + 1, "listener and workers take it up"
    assert set(AuditEntry.objects.values_list("action", "detail")) == {
        ("environment changed", "BIDIRECTIONAL_SYNC_ENABLED: not set (default false) → false"),
        (
            "environment changed",
            "CONFLICT_RESOLUTION_STRATEGY: not set (default last-write-wins) → last-write-wins",
        ),
        (
            "environment changed",
            "BIDIRECTIONAL_EXCLUDED_COLLECTIONS: not set (default _sync_metadata,logs,notifications,sessions) → "
            "_sync_metadata,logs,notifications,sessions",
        ),
    }
    change_everything()
    start(**LINES)
    assert in_force() == CHANGED, "a line that was there already is not new"


@pytest.mark.parametrize("name", LINES)
def test_each_line_is_for_itself(name: str) -> None:
    start()
    change_everything()
    start(**{name: LINES[name]})
    found = in_force()
    same = [one == two for one, two in zip(found, CHANGED, strict=True)]
    assert same.count(False) == 1
    assert not same[list(LINES).index(name)]


def test_a_line_that_goes_counts_if_it_said_something_else_than_the_default() -> None:
    start(BIDIRECTIONAL_SYNC_ENABLED="true", CONFLICT_RESOLUTION_STRATEGY="last-write-wins")
    assert get_switches().enabled
    change_switches(strategy="manual")
    start()
    assert (get_switches().enabled, get_switches().strategy) == (False, "manual")


@pytest.mark.parametrize("lines", [{}, LINES])
def test_the_first_start_after_an_upgrade_changes_nothing(lines: dict[str, str]) -> None:
    start(**lines)
    change_everything()
    row = get_switches()
    row.environment = {name: value for name, value in row.environment.items() if name != "given"}
    row.save()
    before, audited = get_switches(), AuditEntry.objects.count()
    start(**lines)
    after = get_switches()
    assert in_force() == CHANGED
    assert (after.version, after.changed_at) == (before.version, before.changed_at)
    assert AuditEntry.objects.count() == audited
    start(**({} if lines else LINES))
    assert in_force() == (CHANGED if lines else AT_FIRST), "from then on it is known which lines are new"


def test_an_upgrade_with_another_value_is_a_change() -> None:
    start()
    row = get_switches()
    row.environment.pop("given")
    row.save()
    start(BIDIRECTIONAL_SYNC_ENABLED="true")
    assert get_switches().enabled


def test_what_was_switched_before_the_first_start_stays() -> None:
    change_switches(enabled=True)
    start()
    assert (in_force()[0], in_force()[2]) == (True, AT_FIRST[2])


def status(monkeypatch: pytest.MonkeyPatch, environment: SyncSettings) -> tuple[list[Any], str]:
    from syncapp.management.commands import sync_status

    monkeypatch.setattr(sync_status, "get_settings", lambda: environment)
    texts = []
    for arguments in (("--json",), ()):
        out = io.StringIO()
        with pytest.raises(SystemExit):
            call_command("sync_status", *arguments, stdout=out)
        texts.append(out.getvalue())
    return json.loads(texts[0])["settings"], texts[1]


def test_the_status_says_where_each_value_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.device()
    assert status(monkeypatch, load({}))[0] == [], "nothing was started yet"
    start(CONFLICT_RESOLUTION_STRATEGY="last-write-wins")
    change_switches(enabled=True)
    found, text = status(monkeypatch, load({"BIDIRECTIONAL_SYNC_ENABLED": "false"}))
    assert [(one["value"], one["source"], one["atNextStart"]) for one in found] == [
        (True, "run time", "false"),
        ("last-write-wins", "environment", None),
        (sorted(AT_FIRST[2]), "default", None),
    ]
    assert (
        "BIDIRECTIONAL_SYNC_ENABLED = true  (run time; the next start takes false from the environment)"
        in text
    )
    assert "CONFLICT_RESOLUTION_STRATEGY = last-write-wins  (environment)" in text
    assert (
        "BIDIRECTIONAL_EXCLUDED_COLLECTIONS = _sync_metadata,logs,notifications,sessions  (default)" in text
    )


def test_a_period_that_was_edited_gives_way_to_a_new_line() -> None:
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    def edit() -> None:
        task = PeriodicTask.objects.get(name="Copy remaining conflict records")
        task.interval = IntervalSchedule.objects.get_or_create(every=5, period="minutes")[0]
        task.save()

    def every() -> int:
        return PeriodicTask.objects.get(name="Copy remaining conflict records").interval.every

    seed(60_000, 2)
    edit()
    seed(60_000, 2)
    assert every() == 5
    seed(60_000, 2, given=[VARIABLE])
    assert every() == 60
    edit()
    seed(60_000, 2, given=[VARIABLE])
    assert every() == 5


def test_as_an_operator_does_it(tmp_path: Path) -> None:
    """With the real programs: toggled on at run time, the line written, restarted."""
    for arguments, lines in (
        (("sync_setup",), {}),
        (("sync_toggle", "on"), {}),
        (("sync_setup",), {"BIDIRECTIONAL_SYNC_ENABLED": "false"}),
    ):
        done = manage(*arguments, home=tmp_path, **lines)
        assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(tmp_path / "isthmus.sqlite3")) as database:
        assert database.execute("SELECT enabled FROM syncapp_syncswitches").fetchall() == [(0,)]
    first, last = [
        line for line in (tmp_path / "logs" / "app.log").read_text().splitlines() if "values_in_force" in line
    ]
    assert "false (default)" in first
    assert "false (environment)" in last
