"""Sync data of a newer program stop an older one, with one line; nothing is touched."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pymongo.database import Database

from syncapp.apply import worker
from syncapp.conf.settings import SettingsError, load
from syncapp.services.set_up import refuse_newer
from syncapp.store.format import VERSION, NewerFormat, check_format, note_format
from syncapp.store.names import FORMAT, METADATA
from syncapp.store.prepare import prepare


def kept(local: Database[Any]) -> Any:
    return local[METADATA].find_one({"_id": FORMAT})


def test_the_format_is_noted_when_sync_is_prepared(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    check_format(local_db)
    prepare(local_db, atlas_db, 24)
    assert kept(local_db) == {"_id": FORMAT, "version": VERSION}
    check_format(local_db)


def test_a_newer_one_is_refused_and_stays(local_db: Database[Any]) -> None:
    local_db[METADATA].insert_one({"_id": FORMAT, "version": VERSION + 1})
    with pytest.raises(
        NewerFormat, match=rf"have format {VERSION + 1}, this program knows {VERSION} at most.*upgrading"
    ):
        check_format(local_db)
    note_format(local_db)
    assert kept(local_db)["version"] == VERSION + 1


def test_a_worker_does_not_begin_on_a_newer_one(
    local_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    local_db[METADATA].insert_one({"_id": FORMAT, "version": VERSION + 1})
    uris = {"MONGODB_URI": "mongodb://127.0.0.1/a", "MONGODB_ATLAS_URI": "mongodb://127.0.0.1/b"}
    settings = load({**uris, "CELERY_BROKER_URL": "redis://127.0.0.1"})
    monkeypatch.setattr(worker, "get_settings", lambda: settings)
    monkeypatch.setattr(worker, "get_reporter", lambda: None)
    monkeypatch.setattr(worker, "connect_side", lambda *_: local_db)
    with pytest.raises(NewerFormat):
        worker.Worker()


@pytest.mark.django_db
def test_a_newer_django_database_is_refused() -> None:
    refuse_newer()
    MigrationRecorder(connection).record_applied("syncapp", "9999_of_tomorrow")
    with pytest.raises(SettingsError, match=r"its migration 9999_of_tomorrow is unknown.*upgrading"):
        refuse_newer()
