"""Connections to both sides, with the options that the protocol relies on."""

from __future__ import annotations

from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.monitoring import ConnectionPoolListener
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


class NewConnections(ConnectionPoolListener):
    """Remembers that a connection was made. A database is only exchanged for another one (a backup, say)
    behind connections that break."""

    def __init__(self) -> None:
        self.made = True

    def connection_ready(self, event: object) -> None:
        self.made = True

    def pool_created(self, event: object) -> None: ...
    def pool_ready(self, event: object) -> None: ...
    def pool_cleared(self, event: object) -> None: ...
    def pool_closed(self, event: object) -> None: ...
    def connection_created(self, event: object) -> None: ...
    def connection_closed(self, event: object) -> None: ...
    def connection_check_out_started(self, event: object) -> None: ...
    def connection_check_out_failed(self, event: object) -> None: ...
    def connection_checked_out(self, event: object) -> None: ...
    def connection_checked_in(self, event: object) -> None: ...


def connect(
    uri: str, process: str, socket_timeout_ms: int = 60_000, listener: NewConnections | None = None
) -> Database[dict[str, Any]]:
    """The database that the URI names. Nothing is sent yet. `process` shows in the server's log.

    A frozen server neither answers nor closes: only `socket_timeout_ms` ends that wait.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri,
        appname=f"isthmus {process}",
        tz_aware=True,
        datetime_conversion="DATETIME_AUTO",
        retryWrites=True,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=socket_timeout_ms,
        event_listeners=[listener] if listener else [],
    )
    return client.get_database(
        parse_uri(uri)["database"] if not uri.startswith("mongodb+srv://") else None,
        codec_options=CODEC,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern("majority"),
    )
