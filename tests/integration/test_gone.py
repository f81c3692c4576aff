"""Documents that are gone after a drop: whoever counts them must have seen the drop."""

from __future__ import annotations

from typing import Any

from bson import Timestamp
from pymongo import MongoClient, monitoring
from pymongo.database import Database

from syncapp.compare.gone import count_gone
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod


class Finds(monitoring.CommandListener):
    """The commands that read `shop`."""

    def __init__(self) -> None:
        self.commands: list[Any] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get("find") == "shop":
            self.commands.append(event.command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def test_a_server_that_has_not_seen_the_drop_cannot_answer(
    local_server: Mongod, atlas_server: Mongod, local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    local_db["shop"].insert_one({"_id": 1})
    position = Timestamp(atlas_db.client.admin.command("hello")["lastWrite"]["opTime"]["ts"].time, 1)
    finds = Finds()
    with MongoClient[Any](atlas_server.uri(), event_listeners=[finds]) as client:
        databases = {Side.LOCAL: local_db, Side.ATLAS: client[atlas_db.name]}
        number = position.time << 32 | position.inc
        gone = count_gone(databases, Side.ATLAS, "shop", number, enough=10, samples=1, markers_since=0)
    assert gone.number == 0, "it was never agreed on"
    (find,) = finds.commands
    assert find["readConcern"]["level"] == "majority"
    assert find["readConcern"]["afterClusterTime"] >= position
