"""Which layout sync's records in the local database have, in `_sync_metadata`: {_id: "format", version}.

A program that does not know a layout must not touch the records: it would decide by what it misreads. The listener
writes it; listener and workers look before they begin.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from syncapp.mongo.errors import Misconfigured
from syncapp.store.names import FORMAT, METADATA

# 1: before it was kept. 2: a state keeps the position at which its content was seen (`q`), a landed batch its own.
# 3: comparison runs may be paused. 4: a state names the projection of its hashes (`f`), and bases are kept
VERSION = 4


class NewerFormat(Misconfigured):
    """The records were written by a newer program. The text, which is shown in full, says what to do."""


def check_format(local: Database[Any]) -> None:
    """Raises NewerFormat, or PyMongoError."""
    found = local[METADATA].find_one({"_id": FORMAT}) or {}
    version = int(found.get("version", 1))
    if version > VERSION:
        raise NewerFormat(
            f"A newer Isthmus has used this local database: its sync data have format {version}, this program knows "
            f"{VERSION} at most. Start the newer one, or restore a backup from before the upgrade (docs/upgrading.md)"
        )


def note_format(local: Database[Any]) -> None:
    """From now on older versions must not use the records. Raises PyMongoError."""
    local[METADATA].update_one({"_id": FORMAT}, {"$max": {"version": VERSION}}, upsert=True)
