"""Collections with names reserved for sync or the server that contain application data:
never synced, and therefore reported."""

from __future__ import annotations

from typing import Any

from bson.codec_options import CodecOptions
from pymongo.database import Database

from syncapp.store.names import OWN, PREFIX, SCRATCH

_READABLE: CodecOptions[dict[str, Any]] = CodecOptions(unicode_decode_error_handler="replace")
# The server's own logs and descriptions. Views and time series are reported as such
_OF_THE_SERVER = frozenset({"system.indexes", "system.namespaces", "system.profile", "system.views"})
_BUCKETS = "system.buckets."


def why_reserved(name: str) -> str:
    """Why application data under this name is not synced; empty: the name holds none."""
    if name == "system.js":
        return "It holds the server's stored JavaScript functions: changes of system collections are not reported."
    if name.startswith("system.") and name not in _OF_THE_SERVER and not name.startswith(_BUCKETS):
        return "It is a system collection: each server keeps its own."
    if name.startswith(PREFIX) and name not in OWN and not name.startswith(SCRATCH):
        return f"Names that begin with {PREFIX} are reserved for sync and never synchronised: rename it."
    return ""


def reserved(database: Database[Any]) -> dict[str, str]:
    """Collection → why, of the existing ones. Raises PyMongoError."""
    answer = database.command(
        "listCollections",
        nameOnly=True,
        filter={"name": {"$regex": rf"^({PREFIX}|system\.)"}},
        cursor={"batchSize": 10_000},
        codec_options=_READABLE,
    )
    names = [info["name"] for info in answer["cursor"]["firstBatch"]]
    return {name: why for name in names if (why := why_reserved(name))}
