"""What Django's database of a device holds, read from its file: figures, conflicts, rejected changes."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from syncapp.core.rule.collection_rule import CollectionRule

FIGURES = (
    "processed",
    "succeeded",
    "failed",
    "skipped",
    "inserts",
    "updates",
    "replaces",
    "deletes",
    "conflicts",
)


class DjangoRows:
    """A device whose SYNC_HOME is `home`."""

    home: Path
    settings: Mapping[str, str] = {}

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What Django's database of the device holds. `?` stands for a value."""
        if url := self.settings.get("DATABASE_URL"):
            with psycopg.connect(url) as connection:
                return connection.execute(query.replace("?", "%s"), values or None).fetchall()
        address = f"file:{self.home / 'isthmus.sqlite3'}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20)) as connection:
            return connection.execute(query, values).fetchall()

    def lay_down(self, rule: CollectionRule) -> None:
        """A rule for collections, as an operator sets it, in a file."""
        address = f"file:{self.home / 'isthmus.sqlite3'}?mode=rw"
        values = (rule.pattern, rule.priority, json.dumps(rule.as_document()))
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20)) as connection, connection:
            connection.execute(
                "INSERT INTO syncapp_collectionrule (kind, pattern, priority, document, created_at, changed_at)"
                " VALUES ('rule', ?, ?, ?, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)", values,
            )  # fmt: skip
            connection.execute("UPDATE syncapp_syncswitches SET version = version + 1")

    def reported(self, column: str) -> Any:
        """What the listener reported last in its row; None before it has reported anything."""
        rows = self.rows(f"SELECT {column} FROM syncapp_instance")
        return rows[0][0] if rows else None

    def conflicts(self, collection: str = "%") -> list[dict[str, Any]]:
        """Conflict rows, oldest first."""
        names = ("collection", "document_id", "winner", "one_way", "strategy", "local_raw", "atlas_raw",
                 "local_time", "atlas_time", "local_origin", "atlas_origin", "merged")  # fmt: skip
        query = f"SELECT {', '.join(names)} FROM syncapp_conflict WHERE collection LIKE ? ORDER BY at, id"
        return [dict(zip(names, row, strict=True)) for row in self.rows(query, collection)]

    def rejected(self) -> list[tuple[Any, ...]]:
        """(collection, document id, direction, reason, code) of each rejected change."""
        return self.rows(
            "SELECT collection, document_id, direction, reason, code FROM syncapp_rejectedchange ORDER BY id"
        )

    def figures(self, direction: str) -> dict[str, int]:
        """Sums over all minutes of a direction, "atlasToLocal" or "localToAtlas"."""
        columns = ", ".join(f"COALESCE(SUM({name}), 0)" for name in FIGURES)
        (row,) = self.rows(f"SELECT {columns} FROM syncapp_metricminute WHERE direction = ?", direction)
        return dict(zip(FIGURES, row, strict=True))

    def check_figures(self) -> None:
        """processed = succeeded + failed + skipped; succeeded = inserts + updates + replaces + deletes."""
        for direction in ("atlasToLocal", "localToAtlas"):
            sums = self.figures(direction)
            assert sums["processed"] == sums["succeeded"] + sums["failed"] + sums["skipped"], sums
            operations = (sums[name] for name in ("inserts", "updates", "replaces", "deletes"))
            assert sums["succeeded"] == sum(operations), sums
