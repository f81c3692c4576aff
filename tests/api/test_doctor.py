"""The doctor by API: with a login only, the same findings as the command."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.api import doctor
from syncapp.conf import settings as conf
from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.api.conftest import ROOT

pytestmark = pytest.mark.django_db
Examined = Callable[..., None]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Examined:
    """Settings that the doctor looks at."""

    def change(**values: str) -> None:
        changed = dataclasses.replace(conf.get_settings(), **values)  # type: ignore[arg-type]
        monkeypatch.setattr(doctor, "get_settings", lambda: changed)

    return change


def test_a_login_is_needed_even_if_everybody_may_read(
    monkeypatch: pytest.MonkeyPatch, anybody: APIClient
) -> None:
    from syncapp.api.common import permissions

    public = dataclasses.replace(conf.get_settings(), sync_api_public_read=True)
    monkeypatch.setattr(permissions, "get_settings", lambda: public)
    assert anybody.get(f"{ROOT}/doctor").status_code == 401


def test_findings_are_told(
    examined: Examined,
    reader: APIClient,
    local_server: Mongod,
    local_db: Database,
    atlas_server: Mongod,
    atlas_db: Database,
    redis_server: Redis,
) -> None:
    local_db.create_collection("ring", capped=True, size=4096)
    examined(
        mongodb_uri=local_server.uri(local_db.name),
        mongodb_atlas_uri=atlas_server.uri(atlas_db.name),
        # A database that no device of another test has used
        celery_broker_url=redis_server.url.removesuffix("/0") + "/15",
    )
    body = reader.get(f"{ROOT}/doctor").json()
    assert body["status"] == "ok", body
    assert all(set(finding) == {"check", "level", "text", "todo"} for finding in body["findings"])
    notes = [finding["text"] for finding in body["findings"] if finding["check"] == "refused"]
    assert len(notes) == 1
    assert notes[0].startswith("ring is not synchronised. It is a capped")


def test_what_is_missing_is_told_without_a_server(examined: Examined, reader: APIClient) -> None:
    examined(mongodb_uri="", mongodb_atlas_uri="", celery_broker_url="")
    body = reader.get(f"{ROOT}/doctor").json()
    assert body["status"] == "failed"
    assert sum(finding["level"] == "failed" for finding in body["findings"]) == 3
