"""Real servers for all tests, Hypothesis profiles, and the order of the folders.

A server that cannot be started is an error, never a skip. One that is not installed fails
`test_needed_parts`, once; what needs it is skipped.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from pymongo import MongoClient
from pymongo.database import Database
from pytest_django import DjangoDbBlocker

from syncapp.embedded import ports
from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.support import durations
from tests.support.brokers import KIND, Broker, new_broker
from tests.support.parts import (
    CHROMIUM,
    CURL,
    JQ,
    MONGOD,
    PLAYWRIGHT,
    POSTGRES,
    RABBIT,
    REDIS,
    find_chromium,
    need,
)  # fmt: skip
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.servers import started

MOST_PROCESSES = 16
PARTS_TEST = "test_needed_parts.py"
LONG = 300  # seconds: a file that begins at once, since it lasts as long as half of all others together
END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
FOLDERS = ("unit", "model", "api", "admin", "property", "chaos", "fuzz", "integration", "browser")

# Examples differ at every run; a failing one is printed with the line that repeats it
_common: dict[str, Any] = {
    "deadline": None,
    "print_blob": True,
    "derandomize": False,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("fast", max_examples=8, **_common)
settings.register_profile("ci", max_examples=30, **_common)
settings.register_profile("long", max_examples=2_000, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

Document = dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measure", action="store_true", help="write down how long each file takes")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.measure and not hasattr(config, "workerinput"):
        config.pluginmanager.register(durations.Measure())
    _have_ports_of_its_own()
    # Else each of the many processes that tests start compiles all of the product
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A shell that starts this in the background has it ignored, by every process that a test starts too
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _have_ports_of_its_own() -> None:
    """Each process of pytest-xdist: the port of a server that one has stopped for a moment is free for all others."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % MOST_PROCESSES
    width = (ports.HIGHEST - ports.LOWEST) // MOST_PROCESSES
    ports.LOWEST += number * width
    ports.HIGHEST = ports.LOWEST + width


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheap folders first: what is broken is seen early. In each the longest files first, and those that are new: at the end
    no process waits for one. For the same reason the very long ones, which mostly wait, begin beside the cheap ones."""
    seconds = durations.read()

    def place(item: pytest.Item) -> tuple[int, float]:
        path = item.path.relative_to(durations.BASE)
        folder = path.parts[1]
        known = FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)
        lasts = seconds.get(path.as_posix())
        return -1 if (lasts or 0) >= LONG else known, float("-inf") if lasts is None else -lasts

    items.sort(key=place)
    _skip_without_servers(items)


def _skip_without_servers(items: list[pytest.Item]) -> None:
    """Nearly everything needs these two: hundreds of errors would hide the one line that helps."""
    for part in (MONGOD, REDIS):
        if part.why_missing():
            for item in items:
                if item.path.name != PARTS_TEST:
                    item.add_marker(pytest.mark.skip(reason=f"{part.name} is missing, see {PARTS_TEST}"))


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with started(Mongod(tmp_path_factory.mktemp("local"), replica_set="local", oplog_mb=200)) as server:
        yield server


@pytest.fixture(scope="session")
def atlas_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with started(Mongod(tmp_path_factory.mktemp("atlas"), replica_set="atlas", oplog_mb=200)) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with started(Redis(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture(scope="session")
def broker_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Broker]:
    """The Redis of all tests, or what TEST_BROKER names."""
    if KIND == "redis":
        yield request.getfixturevalue("redis_server")
        return
    need(RABBIT)
    with started(new_broker(tmp_path_factory.mktemp("broker"))) as server:
        yield server


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """PostgreSQL drops no database that somebody uses. A worker that a test has made in this process keeps its threads, as in a
    process of its own, and each thread its connection."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(END_OTHERS)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    need(POSTGRES)
    with started(Postgres()) as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """Of one module, which may kill it."""
    need(RABBIT)
    with started(RabbitMQ(tmp_path_factory.mktemp("rabbitmq")), mortal=True) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    need(CHROMIUM)
    need(PLAYWRIGHT)
    return find_chromium() or ""


@pytest.fixture(scope="session")
def typed_programs() -> None:
    """What the documents tell one to type beside our own commands."""
    need(CURL)
    need(JQ)


@pytest.fixture
def local_db(local_server: Mongod) -> Iterator[Database[Document]]:
    """A database of the local server that is new for each test."""
    yield from _fresh_database(local_server)


@pytest.fixture
def atlas_db(atlas_server: Mongod) -> Iterator[Database[Document]]:
    """A database of the server that plays Atlas that is new for each test."""
    yield from _fresh_database(atlas_server)


def _fresh_database(server: Mongod) -> Iterator[Database[Document]]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    # Before MongoDB 5 not the default; what only one member has a majority read does not show
    with MongoClient[Document](server.uri(name), w="majority") as client:
        yield client[name]
        client.drop_database(name)
