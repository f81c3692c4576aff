"""The block that `make run` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncapp.conf.settings import load
from syncapp.embedded.block import Addresses, describe
from syncapp.embedded.plan import Plan
from syncapp.embedded.probe import Health
from syncapp.services.set_up import Admin

GOOD = Health(web=True, sync="healthy", message="Bidirectional sync is running")
DEMO = Addresses(
    "http://localhost:5000", "mongodb://127.0.0.1:1/shop", "mongodb://127.0.0.1:2/shop", is_demo=True
)


def block(home: Path, health: Health = GOOD, admin: Admin | None = None, is_two_way: bool = True) -> str:
    settings = load({"SYNC_HOME": str(home)})
    return describe(settings, admin or Admin("admin", "made up"), health, DEMO, is_two_way)


def test_it_says_where_who_and_how_to_stop(tmp_path: Path) -> None:
    text = block(tmp_path)
    assert "Isthmus is running. Sync is healthy." in text
    assert "http://localhost:5000/admin/" in text
    assert "admin   made up" in text
    assert "Ctrl-C" in text


def test_it_leads_to_the_documents_when_they_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.pages.SITE", tmp_path)
    assert "/docs/" not in block(tmp_path).replace("/api/docs/", "")
    (tmp_path / "index.html").write_text("Start")
    assert "Documents   http://localhost:5000/docs/" in block(tmp_path)


def test_a_password_that_was_given_is_not_shown(tmp_path: Path) -> None:
    assert "boss   (the password that you set)" in block(tmp_path, admin=Admin("boss", ""))


def test_it_gives_the_reasons_when_something_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "listener.log").write_text("first\nthe local MongoDB is no replica set\n")
    health = Health(True, "critical", "Bidirectional sync needs attention", ("lag is 5 min",), ("listener",))
    text = block(tmp_path, health)
    assert "Sync is critical. Bidirectional sync needs attention" in text
    assert "lag is 5 min" in text
    assert f"Not running: listener (see {tmp_path / 'logs' / 'listener.log'})" in text
    assert "the local MongoDB is no replica set" in text


def test_it_says_when_the_web_process_does_not_answer(tmp_path: Path) -> None:
    assert "Isthmus is not up" in block(tmp_path, Health())


def test_one_way_sync_says_how_to_make_it_two_way(tmp_path: Path) -> None:
    assert "BIDIRECTIONAL_SYNC_ENABLED=true" in block(tmp_path, is_two_way=False)


def test_passwords_of_own_databases_are_masked() -> None:
    settings = load(
        {"MONGODB_URI": "mongodb://shop:hunter2@host/a", "MONGODB_ATLAS_URI": "mongodb+srv://u:hunter2@h/b"}
    )
    made = Addresses.of(settings, Plan((), {}, is_demo=False))
    assert (made.local, made.atlas) == ("mongodb://shop:***@host/a", "mongodb+srv://u:***@h/b")
