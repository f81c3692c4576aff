"""`sync_uninstall`: what sync keeps goes from both sides, and nothing else does."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.management import following
from syncapp.models import AuditEntry, Instance
from syncapp.services import uninstall
from syncapp.services.uninstall import remove, what_is_kept
from syncapp.store.batches import new_batch_id
from syncapp.store.instance import instance_id
from syncapp.store.lease import Lease
from syncapp.store.names import BATCHES, DEVICES, METADATA, OWN, RUNS
from syncapp.store.prepare import prepare
from tests.api.conftest import Change
from tests.support.eventually import eventually

pytestmark = pytest.mark.django_db
Databases = Mapping[Side, Database[Any]]


@pytest.fixture
def databases(
    local_server: Any,
    atlas_server: Any,
    local_db: Database[Any],
    atlas_db: Database[Any],
    change_settings: Change,
) -> dict[Side, Database[Any]]:
    """A device that has synchronised, with documents of its own on both sides."""
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    prepare(local_db, atlas_db, 24)
    device = instance_id(local_db)
    atlas_db[DEVICES].insert_one({"_id": device, "counter": 1})
    Instance.objects.create(instance_id=device)
    for database in (local_db, atlas_db):
        database["orders"].insert_many([{"_id": number, "_sync_note": "mine"} for number in range(10)])
        database["_synced"].insert_one({"_id": 1})
        database[BATCHES].insert_one({"_id": new_batch_id()})
    return {Side.LOCAL: local_db, Side.ATLAS: atlas_db}


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_uninstall", *arguments, stdout=out)
    return out.getvalue()


def hashes(databases: Databases) -> list[Any]:
    """Of all that is not sync's own."""
    found = [database.command("dbHash")["collections"] for database in databases.values()]
    return [{name: value for name, value in one.items() if name not in OWN} for one in found]


def own(databases: Databases) -> set[str]:
    return {name for database in databases.values() for name in database.list_collection_names()} & OWN


def test_everything_of_syncs_goes_and_nothing_else(databases: Databases) -> None:
    before = hashes(databases)
    text = command("--yes")
    assert "Checked: nothing of sync's is left on either side" in text
    assert "_sync_metadata (" in text
    assert not own(databases)
    assert hashes(databases) == before
    assert not Instance.objects.exists()
    assert AuditEntry.objects.filter(action="uninstall").count() == 1
    assert "Sync keeps nothing in either database" in command("--yes")


def test_other_devices_keep_what_they_need(databases: Databases) -> None:
    atlas = databases[Side.ATLAS]
    atlas[DEVICES].insert_one({"_id": "another", "counter": 7})
    text = command("--yes")
    assert "1 other device uses it" in text
    assert [one["_id"] for one in atlas[DEVICES].find()] == ["another"]
    assert atlas[BATCHES].count_documents({}) == 1
    assert not own({Side.LOCAL: databases[Side.LOCAL]})


def test_a_removal_that_was_broken_off_is_finished_by_the_next(databases: Databases) -> None:
    steps = len(list(remove(dict(databases), what_is_kept(dict(databases)))))
    for survived in range(1, steps):
        prepare(databases[Side.LOCAL], databases[Side.ATLAS], 24)
        device = instance_id(databases[Side.LOCAL])
        databases[Side.ATLAS][DEVICES].insert_one({"_id": device, "counter": 1})
        going = remove(dict(databases), what_is_kept(dict(databases)))
        for _ in range(survived):
            next(going)
        going.close()
        command("--yes")
        assert not own(databases), survived


def test_while_a_listener_is_active_nothing_goes(databases: Databases) -> None:
    lease = Lease(databases[Side.LOCAL], "the listener", 60_000)
    assert lease.acquire()
    with pytest.raises(CommandError, match="Nothing was removed: the listener the listener is active"):
        command("--yes")
    assert METADATA in own(databases)


class Person(io.StringIO):
    """At a terminal."""

    def isatty(self) -> bool:
        return True


def a_listener_starts(databases: Databases) -> None:
    assert Lease(databases[Side.LOCAL], "the listener", 60_000).acquire()


def another_device_joins(databases: Databases) -> None:
    databases[Side.ATLAS][DEVICES].insert_one({"_id": "another", "counter": 7})


@pytest.mark.parametrize(
    ("meanwhile", "text"),
    [(a_listener_starts, "the listener is active"), (another_device_joins, "has changed meanwhile")],
)
def test_what_changes_while_somebody_is_asked_is_seen(
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Databases], None],
    text: str,
) -> None:
    def answer(_: str) -> str:
        meanwhile(databases)
        return "yes"

    monkeypatch.setattr("sys.stdin", Person())
    monkeypatch.setattr("builtins.input", answer)
    with pytest.raises(CommandError, match=f"Nothing was removed.*{text}"):
        command()
    assert METADATA in own(databases)
    assert databases[Side.ATLAS][BATCHES].count_documents({}) == 1


def test_where_nobody_can_be_asked_it_wants_a_yes(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(CommandError, match="say --yes"):
        command()
    assert METADATA in own(databases)


def test_what_comes_back_meanwhile_is_named(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    def remove_nothing(*_: Any) -> list[str]:
        return []

    monkeypatch.setattr("syncapp.management.commands.sync_uninstall.remove", remove_nothing)
    assert uninstall.left(dict(databases), what_is_kept(dict(databases)))
    with pytest.raises(SystemExit):
        command("--yes")


def test_who_waits_for_a_comparison_is_told_that_it_is_gone(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of cron waits while sync is stopped, and would wait for ever."""
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.0)
    said = io.StringIO()

    def uninstall_meanwhile() -> None:
        eventually(lambda: "No listener is active" in said.getvalue(), "it waits")
        databases[Side.LOCAL][RUNS].drop()

    other = threading.Thread(target=uninstall_meanwhile)
    other.start()
    with pytest.raises(CommandError, match="The run is gone") as refusal:
        call_command("sync_verify", stdout=io.StringIO(), stderr=said)
    other.join()
    assert refusal.value.returncode == 2
