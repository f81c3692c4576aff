"""A session whose stream has lost its history ends, whatever else fails: it has no reader any more."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.listener.safeguards import Halted
from syncapp.listener.session_end import SessionEnd
from syncapp.mongo.connect import connect
from syncapp.mongo.errors import ConnectionDown, HistoryLost
from syncapp.store.lease import LeaseLost


def end_of(local: Database[Any]) -> tuple[SessionEnd, list[str]]:
    woken: list[str] = []
    return SessionEnd(local, lambda: woken.append("main thread")), woken


def test_lost_history_deletes_the_token_and_ends_the_session(local_db: Database[Any]) -> None:
    local_db["_sync_metadata"].insert_one({"_id": "atlas-resume-token"})
    end, woken = end_of(local_db)
    lost = HistoryLost("gone")
    end.history_lost(Side.ATLAS, lost)
    assert end.is_over
    assert end.wait(0)
    assert (end.error, woken) == (lost, ["main thread"])
    assert local_db["_sync_metadata"].count_documents({"_id": "atlas-resume-token"}) == 0


def test_lost_history_ends_the_session_though_the_local_database_is_away() -> None:
    away = connect("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100", "test")
    away.client.close()
    end, _ = end_of(away)
    end.history_lost(Side.ATLAS, HistoryLost("gone"))
    assert end.is_over


@pytest.mark.parametrize("error", [LeaseLost("taken"), HistoryLost("gone"), Halted("waits")])
def test_what_only_another_session_can_go_on_from_ends_this_one(error: Exception) -> None:
    end, woken = end_of(None)  # type: ignore[arg-type]
    assert end.is_fatal(error)
    assert end.is_fatal(LeaseLost("later"))
    assert (end.is_over, end.error, len(woken)) == (True, error, 2)


def test_what_passes_ends_nothing() -> None:
    end, woken = end_of(None)  # type: ignore[arg-type]
    assert not end.is_fatal(ConnectionDown("away"))
    assert (end.is_over, end.error, woken) == (False, None, [])
