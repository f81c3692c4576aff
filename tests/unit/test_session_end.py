"""A session whose stream has lost its history ends, whatever else fails: it has no reader any more."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import load
from syncapp.core.values import Side
from syncapp.listener.session import Session
from syncapp.mongo.connect import connect
from syncapp.mongo.errors import HistoryLost
from syncapp.rules.rules import load_rules
from syncapp.store.lease import Lease


def session_on(local: Database[Any]) -> Session:
    settings = load({"CELERY_BROKER_URL": "redis://127.0.0.1:1"})
    databases = dict.fromkeys(Side, local)
    return Session(
        settings,
        databases,
        "device",
        Lease(local, "me", 1_000),
        lambda batch: None,
        lambda: load_rules(local),
    )


def test_lost_history_deletes_the_token_and_ends_the_session(local_db: Database[Any]) -> None:
    local_db["_sync_metadata"].insert_one({"_id": "atlas-resume-token"})
    session = session_on(local_db)
    session.history_lost(Side.ATLAS, HistoryLost("gone"))
    assert session._over.is_set()
    assert local_db["_sync_metadata"].count_documents({"_id": "atlas-resume-token"}) == 0


def test_lost_history_ends_the_session_though_the_local_database_is_away() -> None:
    away = connect("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100", "test")
    away.client.close()
    session = session_on(away)
    session.history_lost(Side.ATLAS, HistoryLost("gone"))
    assert session._over.is_set()
