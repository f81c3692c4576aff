"""A direct connection that is made while a server starts refuses sessions; it does not stay so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from syncapp.embedded.mongod import Mongod
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import connect
from syncapp.mongo.errors import ConnectionDown
from syncapp.mongo.transaction import transaction
from tests.support.eventually import eventually
from tests.support.servers import started


class Starting(Mongod):
    """Belongs to no replica set until it is told to."""

    def wait_until_ready(self) -> None: ...


def in_transaction(database: Database[Any]) -> None:
    with transaction(database) as session:
        database["orders"].find_one(session=session)


def open_stream(database: Database[Any]) -> None:
    ChangeStream.open(database, [], 100, None).close()


@pytest.mark.parametrize(("work", "error"), [(in_transaction, AutoReconnect), (open_stream, ConnectionDown)])
def test_a_connection_to_a_server_that_was_starting_is_replaced(
    tmp_path: Path, work: Callable[[Database[Any]], None], error: type[Exception]
) -> None:
    with started(Starting(tmp_path / "mongod")) as server:
        database = connect(server.uri("shop"), "test")
        eventually(lambda: answers(database), "the server answers")
        Mongod.wait_until_ready(server)
        with pytest.raises(error, match="before the server was ready"):
            work(database)
        work(database)
        database.client.close()


def answers(database: Database[Any]) -> bool:
    try:
        return bool(database.command("ping")["ok"])
    except AutoReconnect:
        return False
