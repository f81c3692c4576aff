"""Documents read by commands of our own: in portions, as a majority has them, and no cursor left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandListener, CommandStartedEvent

from syncapp.core.content import document_key
from syncapp.embedded.mongod import Mongod
from syncapp.mongo.documents import read_documents
from syncapp.mongo.errors import BatchTooLarge
from syncapp.mongo.read_commands import find
from syncapp.mongo.transaction import session_of, transaction
from tests.conftest import Document
from tests.support.servers import started

ALL = RawBSONDocument(bson.encode({}))
MEGABYTE = 1_000_000


class Sent(CommandListener):
    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: object) -> None: ...
    def failed(self, event: object) -> None: ...

    def names(self) -> list[str]:
        return [next(iter(one)) for one in self.commands]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def database(local_server: Mongod, local_db: Database[Document], sent: Sent) -> Iterator[Database[Document]]:
    with MongoClient[Document](local_server.uri(local_db.name), event_listeners=[sent]) as client:
        yield client[local_db.name]


@pytest.fixture(scope="module")
def large_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """One of its own: other tests look at how full the oplogs of theirs are."""
    with started(Mongod(tmp_path_factory.mktemp("large"), replica_set="large")) as server:
        yield server


@pytest.fixture(scope="module")
def large(large_server: Mongod) -> list[bytes]:
    """More than two replies can hold."""
    documents = [bson.encode({"_id": number, "text": "x" * MEGABYTE}) for number in range(40)]
    with MongoClient[Document](large_server.uri("shop"), w="majority") as client:
        for number in range(0, 40, 10):
            some = [RawBSONDocument(one) for one in documents[number : number + 10]]
            client["shop"]["goods"].insert_many(some)
    return documents


@pytest.fixture
def goods(large_server: Mongod, large: list[bytes], sent: Sent) -> Iterator[Collection[Document]]:
    with MongoClient[Document](large_server.uri("shop"), event_listeners=[sent]) as client:
        yield client["shop"]["goods"]


@pytest.mark.parametrize("begin", [session_of, transaction])
def test_more_than_one_reply_can_hold_is_read_to_its_end(
    goods: Collection[Document], sent: Sent, large: list[bytes], begin: Any
) -> None:
    keys = [document_key("goods", bson.encode({"_id": number})) for number in range(41)]
    with begin(goods.database) as session:
        found = read_documents(goods, keys, session, 1 << 62)
    assert found == dict(zip(keys, large, strict=False))
    assert sent.names().count("getMore") == 2
    assert "killCursors" not in sent.names()


@pytest.mark.parametrize("begin", [session_of, transaction])
def test_a_cursor_that_is_left_early_is_not_left_open(
    goods: Collection[Document], large: list[bytes], begin: Any
) -> None:
    def still_open() -> int:
        status = goods.database.client.admin.command("serverStatus")
        return int(status["metrics"]["cursor"]["open"]["total"])

    before = still_open()
    keys = [document_key("goods", bson.encode({"_id": number})) for number in range(len(large))]
    with pytest.raises(BatchTooLarge) as caught, begin(goods.database) as session:
        read_documents(goods, keys, session, 3 * MEGABYTE)
    assert still_open() == before
    assert caught.value.fitting == 2


def test_a_first_reply_can_be_kept_small(goods: Collection[Document], sent: Sent, large: list[bytes]) -> None:
    keys = [document_key("goods", bson.encode({"_id": number})) for number in range(len(large))]
    with transaction(goods.database) as session:
        assert list(read_documents(goods, keys, session, 1 << 62, first=3).values()) == large
    assert [one["batchSize"] for one in sent.commands if "find" in one] == [3]
    with transaction(goods.database) as session, pytest.raises(BatchTooLarge) as caught:
        read_documents(goods, keys, session, 2 * MEGABYTE, first=3)
    assert caught.value.fitting == 1


def test_outside_a_transaction_it_reads_what_a_majority_has_and_nothing_older_than_was_seen(
    database: Database[Document], sent: Sent
) -> None:
    with session_of(database, causal=True) as session:
        assert list(find(database["goods"], ALL, session, 5)) == [[]]
        first = session.operation_time
        assert list(find(database["goods"], ALL, session, 5)) == [[]]
    concerns = [dict(one["readConcern"]) for one in sent.commands if "find" in one]
    assert concerns == [{"level": "majority"}, {"level": "majority", "afterClusterTime": first}]


def test_a_session_that_is_not_causal_waits_for_nothing(database: Database[Document], sent: Sent) -> None:
    with session_of(database) as session:
        for _ in range(2):
            assert list(find(database["goods"], ALL, session, 5)) == [[]]
    assert [dict(one["readConcern"]) for one in sent.commands if "find" in one] == [{"level": "majority"}] * 2


def test_in_a_transaction_it_reads_its_snapshot(
    database: Database[Document], local_db: Database[Document], sent: Sent
) -> None:
    local_db["goods"].insert_one({"_id": 1})
    with transaction(database) as session:
        before = list(find(database["goods"], ALL, session, 5))
        local_db["goods"].insert_one({"_id": 2})
        assert list(find(database["goods"], ALL, session, 5)) == before == [[bson.encode({"_id": 1})]]
    assert [one.get("readConcern") for one in sent.commands if "find" in one] == [{"level": "snapshot"}, None]


def test_what_the_server_says_is_raised(database: Database[Document]) -> None:
    wrong = RawBSONDocument(bson.encode({"_id": {"$nonsense": 1}}))
    with session_of(database) as session, pytest.raises(OperationFailure) as caught:
        next(find(database["goods"], wrong, session, 5))
    assert caught.value.code == 2
