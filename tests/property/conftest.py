"""Databases for the protocol's tests, with the options that the product uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core import decide
from syncapp.embedded.mongod import Mongod
from syncapp.engine import collisions
from syncapp.mongo.connect import connect
from syncapp.store import landings
from tests.property import world
from tests.property.world import forget_prepared

MOST_DEVICES = 3


@pytest.fixture
def exact_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A push may carry the time of a change that is up to a second older; here everything happens within
    a second, so the time must be exact."""
    monkeypatch.setattr(decide, "PUSH_LAG_SECONDS", -1)


@pytest.fixture
def few_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules choose how many keys a batch may have whose landing is written into the states at once."""
    monkeypatch.setattr(landings, "FEW", landings.FEW)


@pytest.fixture
def single_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch brings one event, so that a stream can be read up to any of them."""
    monkeypatch.setattr(world, "FETCH", 1)


@pytest.fixture
def gathers_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is brought together by the listener, and what a batch takes in by itself, both occur with few documents."""
    monkeypatch.setattr(collisions, "FEW", 2)


@pytest.fixture(scope="module")
def databases(local_server: Mongod, atlas_server: Mongod) -> Iterator[tuple[Database[Any], Database[Any]]]:
    local = connect(local_server.uri("protocol"), "test")
    atlas = connect(atlas_server.uri("protocol"), "test")
    yield local, atlas
    forget_prepared()
    for number in range(MOST_DEVICES):
        local.client.drop_database(f"{local.name}_{number}")
    atlas.client.drop_database(atlas.name)
    local.client.close()
    atlas.client.close()
