"""A killed worker's open transaction keeps its documents locked: the local server is told for how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from syncapp.compare import start
from syncapp.embedded.mongod import Mongod
from syncapp.mongo.transaction_lifetime import (
    PARAMETER,
    lower_transaction_lifetime,
    read_transaction_lifetime,
)


@pytest.fixture
def sixty(local_db: Database[Any]) -> Iterator[Database[Any]]:
    """A server with MongoDB's own value."""
    before = read_transaction_lifetime(local_db)
    local_db.client.admin.command("setParameter", 1, **{PARAMETER: 60})
    yield local_db
    local_db.client.admin.command("setParameter", 1, **{PARAMETER: before})


def test_the_listener_lowers_it_at_its_start(sixty: Database[Any], atlas_db: Database[Any]) -> None:
    start.prepare(sixty, atlas_db, 336)
    assert read_transaction_lifetime(sixty) == 20


def test_a_lower_value_is_left_alone(sixty: Database[Any]) -> None:
    sixty.client.admin.command("setParameter", 1, **{PARAMETER: 5})
    lower_transaction_lifetime(sixty)
    assert read_transaction_lifetime(sixty) == 5


def test_a_server_that_cannot_be_asked_does_not_stop_the_start(local_server: Mongod) -> None:
    with MongoClient[Any]("mongodb://127.0.0.1:1/x", serverSelectionTimeoutMS=50) as client:
        lower_transaction_lifetime(client["x"])
