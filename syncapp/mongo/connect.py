"""Connections to both sides, with the options that the protocol relies on, which a URI cannot weaken."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.errors import ConfigurationError
from pymongo.monitoring import ConnectionPoolListener
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
LEAST_POOL = 32  # connections; each thread of a listener or worker needs one, some need two
# They override the URI. An application's URI may request secondaries, which transactions cannot read and which lag;
# unacknowledged writes; a time limit shorter than a change stream's wait; other decoding
ENFORCED: dict[str, Any] = {
    "readPreference": "primary",
    "readPreferenceTags": "",
    "maxStalenessSeconds": -1,
    "readConcernLevel": "majority",
    "w": "majority",
    "wTimeoutMS": 0,
    "retryWrites": True,
    "retryReads": True,
    "timeoutMS": None,
    "waitQueueTimeoutMS": None,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "tz_aware": True,
    "datetime_conversion": "DATETIME_AUTO",
    "uuidRepresentation": "unspecified",
    "unicode_decode_error_handler": "strict",
}


class NewConnections(ConnectionPoolListener):
    """Records that a connection was made. Replacing a database by another one (a backup, for instance)
    breaks its connections."""

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
    """The database that the URI names. Nothing is sent yet. `process` appears in the server's log.

    A frozen server neither answers nor closes: only `socket_timeout_ms` ends that wait. Raises ConfigurationError
    for a URI that cannot work.
    """
    options = _options(uri)
    if options.get("loadbalanced", "").lower() == "true":
        raise ConfigurationError(
            "loadBalanced=true: change streams and transactions need a replica set's own address"
        )
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri,
        appname=f"isthmus {process}",
        socketTimeoutMS=socket_timeout_ms,
        maxPoolSize=_pool_size(options),
        event_listeners=[listener] if listener else [],
        **ENFORCED,
    )
    return client.get_database(
        parse_uri(uri)["database"] if not uri.startswith("mongodb+srv://") else None,
        codec_options=CODEC,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern("majority"),
    )


def _options(uri: str) -> dict[str, str]:
    """The URI's options, with names in lower case."""
    _, _, query = uri.partition("?")
    return {name.lower(): value for name, value in parse_qsl(query.replace(";", "&"))}


def _pool_size(options: dict[str, str]) -> int:
    """The URI's value, if it is large enough; 0 is no limit. With fewer, threads wait for each other's connections."""
    wanted = options.get("maxpoolsize", "")
    if not wanted.isdecimal():
        return 100  # the driver's default; the driver itself refuses what is no number
    return max(LEAST_POOL, int(wanted)) if int(wanted) else 0
