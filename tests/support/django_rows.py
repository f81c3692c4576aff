"""What Django's database of a device holds: figures, conflicts, rejected changes. It is SQLite's file or a database of
PostgreSQL; both give the same values: times as text without a zone, which is UTC, and JSON as text."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader

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


class TimeAsText(Loader):
    """Of a session whose time zone is UTC."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode().removesuffix("+00")


class JsonAsText(Loader):
    def load(self, data: Buffer) -> str:
        return json.dumps(json.loads(bytes(data)))


@contextmanager
def postgres(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction, whose values are read as SQLite keeps them."""
    with psycopg.connect(url, options="-c TimeZone=UTC") as connection:
        connection.adapters.register_loader("timestamptz", TimeAsText)
        connection.adapters.register_loader("jsonb", JsonAsText)
        yield connection


class DjangoRows:
    """A device whose SYNC_HOME is `home`."""

    home: Path
    settings: Mapping[str, str] = {}

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What Django's database of the device holds. `?` stands for a value."""
        with self.open("ro") as execute:
            return execute(query, values).fetchall()

    def lay_down(self, rule: CollectionRule) -> None:
        """A rule for collections, as an operator sets it."""
        values = (rule.pattern, rule.priority, json.dumps(rule.as_document()))
        with self.open("rw") as execute:
            execute(
                "INSERT INTO syncapp_collectionrule (kind, pattern, priority, document, created_at, changed_at)"
                " VALUES ('rule', ?, ?, ?, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)", values,
            )  # fmt: skip
            execute("UPDATE syncapp_syncswitches SET version = version + 1", ())

    @contextmanager
    def open(self, mode: str) -> Iterator[Callable[[str, Sequence[Any]], Any]]:
        """A transaction: what executes a statement in it, with its values."""
        if url := self.settings.get("DATABASE_URL"):
            with postgres(url) as server:
                yield lambda query, values: server.execute(query.replace("?", "%s"), values or None)
            return
        address = f"file:{self.home / 'isthmus.sqlite3'}?mode={mode}"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20)) as connection, connection:
            yield connection.execute

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
